import { comesToAnEnd } from '@steward/shared';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import type { HookRecord, OperationRecord } from '../../operations/journal/operation-object.ts';
import { executeStep, type StepContext } from '../execute/steps.ts';
import type { Run } from '../operation/run/run.ts';

type Ended = Pick<Run, 'context' | 'record' | 'installation' | 'signal'>;

/** Ends hooks that were begun and have not come to their end, for an operation that goes no further. */
export async function abandonHooks(run: Run, message: string): Promise<void> {
  const { context, record } = run;
  const open = openHooks(record);
  if (open.length === 0) return;
  const at = context.now().toISOString();
  const hooks = (record.status.hooks ?? []).map((known) =>
    open.includes(known) ? { ...known, state: 'failed' as const, message, at } : known,
  );
  await context.journal.note(record, { hooks });
  await removeOpen(run, open);
}

/** The same for an operation that no run carries out any more, or that nothing can be written of. */
export async function abandonHooksOf(run: Ended): Promise<void> {
  const open = openHooks(run.record);
  if (open.length > 0) await removeOpen(run, open);
}

function openHooks({ status }: OperationRecord): HookRecord[] {
  return (status.hooks ?? []).filter(({ state }) => state === 'started' || state === 'made');
}

async function removeOpen({ context, installation, signal }: Ended, open: readonly HookRecord[]): Promise<void> {
  const { kube, config, now } = context;
  const names = new Set(open.map(({ hook }) => hook));
  const entries = installation.status.inventory.filter((entry) => names.has(entry.hook ?? '') && comesToAnEnd(entry));
  await endEntries(entries, { kube, fieldManager: config.fieldManager, now, deadlineMs: 0, signal });
}

/** Ends what goes on. It stays known: the next run of the hook waits until it is gone, and removes it if that is refused now. */
export async function endEntries(entries: readonly InventoryEntry[], steps: StepContext): Promise<void> {
  for (const entry of entries) await executeStep({ type: 'remove', entry, propagation: 'Foreground' }, steps);
}

/** @returns those that are gone: what may not be removed stays known, so that a later run of the hook removes it */
export async function removeEntries(entries: readonly InventoryEntry[], steps: StepContext): Promise<InventoryEntry[]> {
  const gone: InventoryEntry[] = [];
  for (const entry of entries) {
    const removed = await executeStep({ type: 'remove', entry, propagation: 'Background' }, steps);
    if (removed.ok) gone.push(entry);
  }
  return gone;
}
