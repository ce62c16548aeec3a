import { comesToAnEnd } from '@steward/shared';
import type { InstallationRecord, InventoryEntry } from '../../operations/installation/installation-object.ts';
import type { HookRecord } from '../../operations/journal/operation-object.ts';
import { inParallel } from '../../parallel.ts';
import type { ReconcileContext } from '../context.ts';
import { executeStep, type Step, type StepContext } from '../execute/steps.ts';
import { hooksText, kindOf } from './hook-moments.ts';
import { Halt } from '../operation/run/interruption.ts';
import type { Run } from '../operation/run/run.ts';

const WIDTH = 4;

/** Ends hooks that were begun and have not come to their end, for an operation that goes no further, also since it was told to stop. */
export async function abandonHooks(run: Run, why: Halt | { message: string }): Promise<void> {
  const { context, record, installation, signal } = run;
  await noteAbandoned(run, why);
  // Also of one whose end an earlier life has noted.
  await endHooksOf(context, installation, { operation: record.spec.id, signal });
}

async function noteAbandoned({ context, record }: Run, why: Halt | { message: string }): Promise<void> {
  const { hooks: begun = [] } = record.status;
  if (!begun.some(isOpen)) return;
  const at = context.now().toISOString();
  const { message } = why;
  const end = { state: 'failed' as const, message, at, ...(why instanceof Halt && { cancelled: noteOf(why) }) };
  const hooks = begun.map((known) => (isOpen(known) ? { ...known, ...end } : known));
  await context.journal.note(record, { hooks });
}

/** For people, of what was ended since it was told to stop: none where no hook that does work was. */
export function tellCutShort({ record: { status } }: Pick<Run, 'record'>): string[] {
  const cut = (status.hooks ?? []).filter((hook) => hook.cancelled !== undefined && comesToAnEnd(kindOf(hook)));
  return cut.length === 0 ? [] : [`${hooksText(cut)} was ended: whether it did a part of its work is not known`];
}

function noteOf({ ifUnderWay, requestedBy }: Halt): NonNullable<HookRecord['cancelled']> {
  return { ifUnderWay, requestedBy };
}

function isOpen({ state }: HookRecord): boolean {
  return state === 'started' || state === 'made';
}

/** Also of an operation of which nothing is left but the labels of what it made. */
export async function endHooksOf(
  { kube, config, now }: ReconcileContext,
  { status: { inventory } }: InstallationRecord,
  { operation, signal }: { operation: string; signal: AbortSignal },
): Promise<void> {
  const made = inventory.filter((entry) => entry.hook !== undefined && comesToAnEnd(entry));
  await endEntries(made, { kube, fieldManager: config.fieldManager, now, deadlineMs: 0, signal }, { operation });
}

/**
 * Asks for the end of jobs and pods that go on, and does not wait for it.
 * @param which see {@link Step}
 * @returns those that are not gone by now, or may not be removed: they stay known, and no hook is begun beside them
 */
export async function endEntries(
  entries: readonly InventoryEntry[],
  steps: StepContext,
  which: Pick<Extract<Step, { type: 'end' }>, 'operation' | 'isRemoved'> = {},
): Promise<InventoryEntry[]> {
  const goingOn = await inParallel(entries, WIDTH, async (entry) => {
    const ended = await executeStep({ type: 'end', entry, isAwaited: false, ...which }, steps);
    return ended.ok ? [] : [entry];
  });
  return goingOn.flat();
}
