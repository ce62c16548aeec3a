import { isFinal } from '@steward/shared';
import type { InstallationRecord, InstallationStatus } from '../../../operations/installation/installation-object.ts';
import type { StatusPatch } from '../../../operations/installation/installations.ts';
import type { OperationRecord } from '../../../operations/journal/operation-object.ts';
import type { ReconcileContext } from '../../context.ts';
import { removeSets, unneededSets } from '../../history/good-generations.ts';
import { readOrRestore } from '../../history/restore-status.ts';
import { endHooksOf } from '../../hooks/abandon-hooks.ts';
import { isSetOf } from '../../render/render-store.ts';
import { sentences } from '../../../sentences.ts';
import { hasEndedWell, UNCERTAIN, type End } from './ends.ts';
import { isBeforeRemoval, type Interruption } from './interruption.ts';

/*
 * Ends of operations that no run carries out: before it began, or when it could not be brought to an end of its own. As in ends.ts
 * the installation names the set that is to be removed before the end is told.
 */

/** What it waited for is worth telling at its end. */
const WAITED_FOR: ReadonlySet<string> = new Set(['missing-rights', 'api-unavailable']);

/** What there is where an operation ends that no run brings to its end: its good end, what was there before it, or neither for certain. */
type Left = 'good' | 'as-before' | 'uncertain';

/** Before it has changed anything. One that has ended meanwhile stays as it ended. */
export async function endUnbegun(
  context: ReconcileContext,
  record: OperationRecord,
  { state, failure, signal }: Pick<Interruption, 'state' | 'failure'> & { signal: AbortSignal },
): Promise<void> {
  const { renderRef } = record.status;
  if (isFinal(record.status.state)) return;
  const unneeded =
    renderRef === undefined
      ? []
      : await writeEnd(context, await installationOf(context, record, signal), { renderRef, patch: {} });
  await context.journal.say(record, (now) => {
    if (isFinal(now.state)) return undefined;
    const waitedFor = WAITED_FOR.has(now.reason ?? '') ? `. ${now.message}` : '';
    return { state, phase: 'done', reason: failure.reason, message: `${failure.message}${waitedFor}` };
  });
  await removeSets(context, unneeded);
}

/**
 * Somebody deleted its object, or made it unreadable. Under way, what runs is neither the old version nor the new one for certain; unless all was done
 * and only the last word was missing.
 */
export async function endLost(context: ReconcileContext, record: OperationRecord, signal: AbortSignal): Promise<void> {
  const { renderRef } = record.status;
  const installation = await installationOf(context, record, signal);
  await endHooksOf(context, installation, { operation: record.spec.id, signal });
  const left = leftBy(record, installation);
  const lost = lostEnd(left);
  const patch = left === 'uncertain' ? { ...UNCERTAIN, message: lost.message } : {};
  const unneeded = await writeEnd(context, installation, { renderRef, patch });
  context.journal.lose(record, { ...lost, phase: 'done' });
  if (left === 'uncertain') watchAgain(context, installation);
  await removeSets(context, unneeded);
}

/** How an operation ends whose object is gone. */
export function lostEnd(left: Left): End {
  const what = 'somebody deleted its Operation object in the cluster or made it unreadable';
  if (left === 'good') return { state: 'succeeded', message: `${what}, when all of it was done` };
  if (left === 'as-before')
    return { state: 'cancelled', reason: 'cancelled', message: `${what}, before it changed anything of the service` };
  const message = `${what}, so what runs is not certain. Push a version again`;
  return { state: 'failed', reason: 'lost-track', message };
}

/** An error that came again and again. What is written as good stays so, also where only its last word is what meets the error. */
export async function endGivenUp(
  context: ReconcileContext,
  record: OperationRecord,
  { error, signal }: { error: unknown; signal: AbortSignal },
): Promise<void> {
  const why = error instanceof Error ? error.message : String(error);
  const message = `the agent met an error that it did not expect, several times: ${why}`;
  const { state, renderRef } = record.status;
  // The Installation could not be made: there is nothing to write the end into.
  if (state !== 'running' && !context.installations.byName(record.spec.installation)) {
    await context.journal.move(record, { phase: 'done', ...GIVEN_UP, message });
    // A remedy names the set of what runs.
    const isOwn = renderRef !== undefined && isSetOf(renderRef, record.spec);
    return removeSets(context, isOwn ? [renderRef] : []);
  }
  const installation = await installationOf(context, record, signal);
  await endHooksOf(context, installation, { operation: record.spec.id, signal });
  const left = leftBy(record, installation);
  const unneeded = await writeEnd(context, installation, { renderRef, patch: givenUpPatch(left, message) });
  await context.journal.move(record, { phase: 'done', ...givenUpEnd(left, message, installation.status) });
  if (left === 'uncertain') watchAgain(context, installation);
  await removeSets(context, unneeded);
}

const GIVEN_UP = { state: 'failed', reason: 'internal' } as const;

function givenUpPatch(left: Left, message: string): StatusPatch {
  if (left === 'good') return {};
  return left === 'uncertain' ? { ...UNCERTAIN, message } : { message };
}

/** What is good was told in the words of the installation, where it has some: what stays of one that was removed. */
function givenUpEnd(left: Left, message: string, { message: told = 'all of it is done' }: InstallationStatus): End {
  return left === 'good'
    ? { state: 'succeeded', message: sentences(told, `After that ${message}`) }
    : { ...GIVEN_UP, message };
}

function leftBy({ spec, status: { state, phase } }: OperationRecord, { status }: InstallationRecord): Left {
  const hasChanged = state === 'running' && !isBeforeRemoval(spec.desired, phase);
  return whatIsLeft(status, { generation: spec.generation, hasChanged });
}

/** Of an operation that no run brings to its end; `hasChanged` where it may have changed something of the service. */
export function whatIsLeft(
  status: InstallationStatus,
  { generation, hasChanged }: { generation: number; hasChanged: boolean },
): Left {
  if (hasEndedWell(status, generation)) return 'good';
  return hasChanged ? 'uncertain' : 'as-before';
}

/** What was to be removed, or let go of, was not watched any more. */
function watchAgain({ monitors }: ReconcileContext, installation: InstallationRecord): void {
  monitors.watch(installation, installation.status.watched);
}

function installationOf(
  context: ReconcileContext,
  record: OperationRecord,
  signal: AbortSignal,
): Promise<InstallationRecord> {
  const { installation, generation: before } = record.spec;
  return readOrRestore(context, installation, { before, record, signal });
}

/** Into the installation, before the end is told. @returns the sets that are to be removed when it is */
export async function writeEnd(
  { installations }: ReconcileContext,
  { name, status }: InstallationRecord,
  { renderRef, patch }: { renderRef: string | undefined; patch: StatusPatch },
): Promise<string[]> {
  const unneeded = unneededSets([renderRef], status.history);
  const all = new Set([...(status.unneeded ?? []), ...unneeded]);
  await installations.write(name, { ...patch, underWay: null, unneeded: [...all] });
  return unneeded;
}
