import type { DesiredState } from '@steward/shared';
import { apiVersionOf } from '../../kube/object.ts';
import {
  InstallationGoneError,
  type InstallationSummary,
  type StatusPatch,
} from '../../operations/installation/installations.ts';
import {
  MAX_HISTORY,
  type HistoryEntry,
  type InstallationRecord,
  type InstallationStatus,
} from '../../operations/installation/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import { endpointsOf } from '../endpoints.ts';
import { kindsToWatch } from '../monitors.ts';
import { inParallel } from '../../parallel.ts';
import { makersIn, mergedMakers } from '../volumes/claim-makers.ts';
import { withCounter } from './good-generations.ts';
import { liveInventory, ownLive } from './live-inventory.ts';
import { pointReleaseOf } from './point-of-no-return.ts';

/** Good generations are seldom further apart: a remedy takes the place of the one before. */
const LOOK_BACK = 40;
const WIDTH = 4;

/** Also one that somebody deleted: it is made again, and filled with what the stored sets of generations before that one tell. */
export async function readOrRestore(
  context: ReconcileContext,
  name: string,
  { before, signal }: { before: number; signal: AbortSignal },
): Promise<InstallationRecord> {
  const { installations } = context;
  const found = await installations.read(name).catch(async (error: unknown) => {
    if (!(error instanceof InstallationGoneError)) throw error;
    await installations.recreate(name);
    return installations.read(name);
  });
  const status = isBlank(found.status) ? await restoreStatus(context, found, { before, signal }) : undefined;
  if (!status) return found;
  await installations.write(name, status);
  return installations.read(name);
}

/** A backup brought its Installation here without the status, or some of its operations. */
export function isRestored({ journal }: ReconcileContext, { id, generation }: InstallationSummary): boolean {
  return journal.isRestored(id) || (generation === 0 && journal.highestGeneration(id) > 0);
}

/** As `accept`, also of one that somebody deleted: it is to be read by {@link readOrRestore} before anything is written into it. */
export async function acceptOrRemake(
  { installations, journal }: ReconcileContext,
  desired: DesiredState,
): Promise<void> {
  const noted = journal.formerIds(desired.name);
  await installations.accept(desired, noted).catch(async (error: unknown) => {
    if (!(error instanceof InstallationGoneError)) throw error;
    await installations.recreate(desired.name);
    await installations.accept(desired, noted);
  });
}

/**
 * Before anything else is done about what a backup brought: an Installation without its status is put together as a deleted one
 * is, and watched; one that has it gets to know its objects by the uids that they have now.
 */
export async function settleRestored(context: ReconcileContext, name: string, signal: AbortSignal): Promise<void> {
  const { installations, journal, monitors } = context;
  const known = installations.byName(name);
  if (!known || !isRestored(context, known)) return;
  if (known.generation > 0) await renewUids(context, known, signal);
  else {
    const generation = journal.highestGeneration(known.id);
    const { status } = await readOrRestore(context, name, { before: generation + 1, signal });
    if (status.observedGeneration > 0) {
      await installations.write(name, { generation });
      monitors.watch(known, status.watched);
    }
  }
  journal.settled(known.id);
}

async function renewUids(
  context: ReconcileContext,
  { name, generation }: InstallationSummary,
  signal: AbortSignal,
): Promise<void> {
  const { inventory: before } = (await readOrRestore(context, name, { before: generation + 1, signal })).status;
  const inventory = await inParallel(before, WIDTH, async (entry) => {
    const { kind, namespace, name: own } = entry;
    const object = { apiVersion: apiVersionOf(entry), kind, metadata: { name: own, namespace } };
    const uid = (await ownLive(context, { installation: name, object, signal }))?.live.metadata.uid;
    return uid === undefined || uid === entry.uid ? entry : { ...entry, uid };
  });
  if (inventory.some((entry, index) => entry !== before[index])) await context.installations.write(name, { inventory });
}

/** Nothing was ever written into it: it is new, or somebody deleted the object that was there. */
function isBlank({ history, inventory, observedGeneration }: InstallationStatus): boolean {
  return history.length === 0 && inventory.length === 0 && observedGeneration === 0;
}

/**
 * What the Installation object held before somebody deleted it, put together from the stored sets of the generations before
 * this one: without it an upgrade would pass for an install, which asks nobody and runs other hooks. Its state is `failed` until
 * the next operation ends, so that nothing is repaired: how it was scaled or whether it was stopped is not in the sets.
 * @returns undefined when there are none: it is new
 */
async function restoreStatus(
  context: ReconcileContext,
  { name, namespace, status: { unneeded = [] } }: InstallationRecord,
  { before, signal }: { before: number; signal: AbortSignal },
): Promise<StatusPatch | undefined> {
  const generations = Array.from({ length: Math.min(LOOK_BACK, before - 1) }, (_, index) => before - 1 - index);
  const found = await inParallel(generations, WIDTH, async (generation) => {
    const stored = await context.renders.find(name, generation);
    // Of one that was refused, when a kill came before it was removed.
    return stored && !unneeded.includes(stored.reference) ? { generation, ...stored } : undefined;
  });
  const stored = found.filter((one) => one !== undefined).slice(0, MAX_HISTORY);
  const [newest] = stored;
  if (!newest) return undefined;
  const at = context.now().toISOString();
  const history = stored.map(({ generation, reference, set: { meta } }): HistoryEntry => {
    const { version, releaseDigest, parametersDigest } = meta;
    return { generation, version, releaseDigest, parametersDigest, renderRef: reference, at };
  });
  const { meta, hooks, objects } = newest.set;
  context.log.warn('an Installation was put together again from its stored sets', { installation: name });
  return {
    state: 'failed',
    observedGeneration: newest.generation,
    message: `Somebody deleted this object, or a backup brought it back without its status; it was put together again from stored sets, of which the newest is ${meta.version}. Push that version to be certain of what runs`,
    history,
    inventory: await liveInventory(context, {
      installation: name,
      namespace,
      sets: stored.map(({ set }) => set),
      signal,
    }),
    claimMakers: mergedMakers(
      [],
      stored.flatMap(({ set }) => makersIn(set.objects)),
    ),
    watched: kindsToWatch(meta.permissions),
    endpoints: endpointsOf(objects),
    ...(meta.metrics && { metrics: meta.metrics }),
    counters: stored.reduce<InstallationStatus['counters']>((all, { set }) => withCounter(all, set.meta), {}),
    ...(hooks.length > 0 &&
      !meta.isRollbackSafe && {
        pointOfNoReturn: {
          generation: newest.generation,
          hooks: 'hooks of which no record is left',
          release: pointReleaseOf(meta),
        },
      }),
  };
}
