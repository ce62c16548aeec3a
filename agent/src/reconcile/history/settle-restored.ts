import { apiVersionOf } from '../../kube/object.ts';
import type { InstallationSummary } from '../../operations/installation/installations.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import { inParallel } from '../../parallel.ts';
import { ownLive } from './live-inventory.ts';
import { readOrRestore } from './restore-status.ts';

const WIDTH = 4;

/** A backup brought its Installation here without the status, or some of its operations. */
export function isRestored({ journal }: ReconcileContext, { id, generation }: InstallationSummary): boolean {
  return journal.isRestored(id) || (generation === 0 && journal.highestGeneration(id) > 0);
}

/**
 * Before anything else is done about what a backup brought: an Installation without its status is put together as a deleted one
 * is, and watched where a good generation is found; one that has it gets to know its objects by the uids that they have now.
 */
export async function settleRestored(context: ReconcileContext, name: string, signal: AbortSignal): Promise<void> {
  const { installations, journal, monitors } = context;
  const known = installations.byName(name);
  if (!known || !isRestored(context, known)) return;
  const generation = known.generation > 0 ? known.generation : journal.highestGeneration(known.id);
  const record = journal.unfinished(name).find(({ status: { state } }) => state === 'running');
  const before = record?.spec.generation ?? generation + 1;
  const { status } = await readOrRestore(context, name, { before, ...(record && { record }), signal });
  if (known.generation > 0) await renewUids(context, known, { inventory: status.inventory, signal });
  else if (status.observedGeneration > 0) {
    await installations.write(name, { generation });
    monitors.watch(known, status.watched);
  }
  journal.settled(known.id);
}

async function renewUids(
  context: ReconcileContext,
  { name }: InstallationSummary,
  { inventory: before, signal }: { inventory: InventoryEntry[]; signal: AbortSignal },
): Promise<void> {
  const inventory = await inParallel(before, WIDTH, async (entry) => {
    const { kind, namespace, name: own } = entry;
    const object = { apiVersion: apiVersionOf(entry), kind, metadata: { name: own, namespace } };
    const uid = (await ownLive(context, { installation: name, object, signal }))?.live.metadata.uid;
    return uid === undefined || uid === entry.uid ? entry : { ...entry, uid };
  });
  if (inventory.some((entry, index) => entry !== before[index])) await context.installations.write(name, { inventory });
}
