import type { InstallationStatus, InventoryEntry } from '../../../operations/installation/installation-object.ts';
import type { StatusPatch } from '../../../operations/installation/installations.ts';
import type { Move } from '../../../operations/journal/transition.ts';
import { sentences } from '../../../sentences.ts';
import type { Failure } from '../../outcome.ts';
import { removeSets, unneededSets } from '../../history/good-generations.ts';
import type { Run } from './run.ts';

/** What runs is neither the old version nor the new one for certain. */
export const UNCERTAIN = { state: 'failed', version: null, releaseDigest: null } as const satisfies StatusPatch;

/** How an operation ends, and why: the installation says the same unless `status` has a message of its own. */
export type End = Pick<Move, 'state' | 'reason' | 'message'>;

/**
 * Ends an operation whose set is no good generation's. The installation is written before the end is told, and names what is still to
 * be removed: a kill in between leaves nothing behind for good.
 */
export async function endWithoutGeneration(run: Run, end: End, status: StatusPatch = {}): Promise<void> {
  const { context, installation, record } = run;
  const unneeded = unneededSets([record.status.renderRef], installation.status.history);
  await context.installations.write(installation.name, {
    message: end.message,
    ...status,
    underWay: null,
    unneeded,
  });
  await run.move({ ...end, phase: 'done' });
  await removeSets(context, unneeded);
}

/** Its good end is written into the installation: whatever is so since then, after a kill only its last word can be missing. */
export function hasEndedWell(
  { state, observedGeneration }: Pick<InstallationStatus, 'state' | 'observedGeneration'>,
  generation: number,
): boolean {
  return (state === 'running' || state === 'removed') && observedGeneration === generation;
}

/** Of a generation that is good: the last word, when that is written into the installation. `more` is what there is to say beside. */
export async function endWell(run: Run, more: readonly string[]): Promise<void> {
  const message = sentences(`done: ${run.title}`, ...more).slice(0, 4_000);
  await run.move({ state: 'succeeded', phase: 'done', message });
}

const DENIALS: ReadonlySet<string> = new Set(['denied-by-policy', 'frozen', 'approval-rejected']);

/** Nothing was written: what ran before runs on. */
export async function endRefused(run: Run, failure: Failure): Promise<void> {
  const { history, inventory } = run.installation.status;
  const isFirst = history.length === 0 && inventory.length === 0;
  const state = DENIALS.has(failure.reason) ? 'denied' : 'failed';
  const message = `${run.title} was refused: ${failure.message}`;
  await endWithoutGeneration(run, { state, ...failure }, { message, ...(isFirst && { state: 'failed' }) });
}

/** It ended before anything of the service was changed, in its first hooks or since nothing would go: what ran before runs on. `more` is what there is to say beside. */
export async function endBeforeChange(
  run: Run,
  { reason, message: why }: Failure,
  more: readonly string[] = [],
): Promise<void> {
  const { version, history, state: before } = run.installation.status;
  const isFirst = history.length === 0;
  const what = `${version ?? history[0]?.version ?? 'what ran before'} runs on`;
  const rest = isFirst
    ? 'Nothing else was applied'
    : `Nothing else was changed: ${before === 'failed' ? 'all is as it was left' : what}`;
  const state = reason === 'cancelled' ? 'cancelled' : 'failed';
  const end = { state, reason, message: sentences(why, rest, ...more) } as const;
  await endWithoutGeneration(run, end, isFirst ? { state: 'failed' } : {});
}

/** What was applied stays, half of it or all: what runs is said to be the version that was to come, and failed. `next` is what to do. */
export async function endAsItIs(
  run: Run,
  { reason, message: why }: Failure,
  next: string,
  state: 'failed' | 'cancelled' = 'failed',
): Promise<void> {
  const { version, digest: releaseDigest } = run.record.spec.desired.release;
  const end = { state, reason, message: sentences(why, next) };
  await endWithoutGeneration(run, end, { state: 'failed', version, releaseDigest });
}

/** The installation is no more: removed, or left to whoever runs it from now on. `stays` is what the agent still knows of it. */
export async function endRemoved(
  run: Run,
  { stays, message }: { stays: InventoryEntry[]; message: string },
): Promise<void> {
  const { context, installation, record } = run;
  const references = installation.status.history.map(({ renderRef }) => renderRef);
  const unneeded = unneededSets(references, []);
  await context.installations.write(installation.name, {
    state: 'removed',
    observedGeneration: record.spec.generation,
    version: null,
    releaseDigest: null,
    health: null,
    drift: null,
    message,
    history: [],
    inventory: stays,
    watched: [],
    metrics: null,
    underWay: null,
    removalOf: null,
    unneeded,
  });
  // Before the end is written: no later operation would remove what a kill leaves of them, and there are passwords in them.
  await removeSets(context, unneeded);
  await run.move({ state: 'succeeded', phase: 'done', message });
}

/** Part of it is done: nothing to go back to, but the next try goes on from here. */
export async function endUnfinished(run: Run, { reason, message: why }: Failure): Promise<void> {
  const message = `${run.title} is not finished: ${why}`;
  run.context.monitors.watch(run.installation, run.installation.status.watched);
  await run.context.installations.write(run.installation.name, {
    state: 'failed',
    message,
    underWay: null,
  });
  await run.move({ state: 'failed', phase: 'done', reason, message });
}
