import type { HistoryEntry } from '../../operations/installation/installation-object.ts';
import { done, type Failure, type Outcome } from '../outcome.ts';
import type { ReleaseSet, SetMeta } from '../render/release-set.ts';
import { pointSince } from '../history/point-of-no-return.ts';
import { asItStands } from '../history/standing-set.ts';
import { abandonHooks } from '../hooks/abandon-hooks.ts';
import { irreversiblyRun, ROLLBACK_MOMENTS } from '../hooks/hook-moments.ts';
import { runHooks } from '../hooks/run-hooks.ts';
import { deadlineOf } from './run/deadline.ts';
import { applySet, rollOut } from './forward.ts';
import { sentences } from '../../sentences.ts';
import { endAsItIs, endBeforeChange, endWithoutGeneration, UNCERTAIN } from './run/ends.ts';
import { orRefused, refuse } from '../plan/plan-object.ts';
import { loadStored } from './prepare/prepare-set.ts';
import { awaitRightsBack } from './rights-back.ts';
import type { Run } from './run/run.ts';

/** Going back may take at least this long, however short the release's own deadline is. */
const MIN_DEADLINE_MS = 60_000;

/**
 * After a failure with something written: back to the last good generation. Without one, or when a hook has done what going
 * back does not undo, also one of an operation before that failed, it ends as it is, and says what is left and what a person
 * may do.
 */
export async function beginWayBack(run: Run, failure: Failure, meta: Pick<SetMeta, 'isRollbackSafe'>): Promise<void> {
  const { history } = run.installation.status;
  const good = history.find(({ generation }) => generation < run.record.spec.generation);
  if (!good) return endAsItIs(run, failure, WITHOUT_GOOD);
  const told = run.decide();
  if (told?.ifUnderWay === 'hold') return endOnHold(run, sentences(told.message, failure.message));
  const { hooks: ran = [] } = run.record.status;
  const lasting = irreversiblyRun(ran, meta) ?? pointSince(run, good);
  if (lasting !== undefined) return endAsItIs(run, failure, whatMayBeDone(run, good, lasting));
  const set = await loadSet(run, good);
  const waitMs = set.ok ? lastsMs(set.value.meta) : MIN_DEADLINE_MS;
  await run.move({
    state: 'running',
    phase: 'roll-back',
    reason: failure.reason,
    message: sentences(failure.message, `Going back to generation ${good.generation} (${good.version})`),
    also: {
      hooks: ran.map((hook) => ({ ...hook, isBeforeWayBack: true })),
      wayBack: {
        ...failure,
        generation: good.generation,
        good,
        deadlineAt: new Date(run.context.now().getTime() + waitMs).toISOString(),
      },
    },
  });
  await goBack(run);
}

/** Of what is under way and cannot go on for want of its own set: what it has applied can only be taken back. */
export async function endWithoutSet(run: Run, failure: Failure): Promise<void> {
  const isBeforeChange = run.record.status.phase === 'pre-hooks';
  await abandonHooks(run, run.halted ?? failure);
  if (!isBeforeChange) return beginWayBack(run, failure, {});
  const told = run.decide();
  await endBeforeChange(run, told ? { reason: 'cancelled', message: told.message } : failure);
}

/** Puts the stored set of the good generation back and waits for it. Safe to begin again. */
export async function goBack(run: Run): Promise<void> {
  const { wayBack } = run.record.status;
  const { history } = run.installation.status;
  const good = wayBack?.good ?? history.find(({ generation }) => generation === wayBack?.generation);
  if (!wayBack || !good) throw new Error(`${run.record.name} is on its way back to a generation that is not kept`);
  const outcome = await run.span('roll-back', () => putBackOnceGranted(run, good));
  const why = { reason: wayBack.reason, message: wayBack.message };
  if (outcome.ok) await endRolledBack(run, good, why);
  else await endBroken(run, good, why, outcome.failure);
}

/** Rights that the customer took away under way are waited for, as before the first write. */
async function putBackOnceGranted(run: Run, good: HistoryEntry): Promise<Outcome<void>> {
  for (;;) {
    const set = await loadSet(run, good);
    if (!set.ok) return set;
    const back = await putBack(run, set.value);
    const { wayBack } = run.record.status;
    if (back.ok || back.failure.reason !== 'missing-rights' || !wayBack) return back;
    const { meta } = set.value;
    const waited = { wayBack, permissions: meta.permissions, lastsMs: lastsMs(meta), refused: back.failure };
    const granted = await awaitRightsBack(run, waited);
    if (!granted.ok) return granted;
  }
}

async function putBack(run: Run, set: ReleaseSet): Promise<Outcome<void>> {
  const hooks = { phase: 'roll-back' as const, deadlineMs: deadlineOf(run, true) };
  const before = await runHooks(run, set, { ...hooks, event: ROLLBACK_MOMENTS.before });
  if (!before.ok) return before;
  const applied = await applySet(run, set, { isWayBack: true });
  if (!applied.ok) return applied;
  const ready = await rollOut(run, set, { isWayBack: true });
  return ready.ok ? runHooks(run, set, { ...hooks, event: ROLLBACK_MOMENTS.after }) : ready;
}

function lastsMs({ deadlineSeconds }: SetMeta): number {
  return Math.max(deadlineSeconds * 1_000, MIN_DEADLINE_MS);
}

/** As it ran then: a scale that did not come up is taken back too. What may not be read is not put back. */
async function loadSet(run: Run, good: HistoryEntry): Promise<Outcome<ReleaseSet>> {
  const what = `the stored set of generation ${good.generation}`;
  const stored = await orRefused(() => loadStored(run, good.renderRef).catch((error: unknown) => refuse(error, what)));
  return stored.ok ? done(asItStands(stored.value, good, run.installation.status.schedule)) : stored;
}

async function endRolledBack(run: Run, good: HistoryEntry, why: Failure): Promise<void> {
  const { generation: observedGeneration, version, releaseDigest } = good;
  const message = sentences(why.message, `Generation ${observedGeneration} (${version}) runs again`);
  const end = { state: 'rolled-back', reason: why.reason, message } as const;
  await endWithoutGeneration(run, end, { state: 'rolled-back', version, releaseDigest, observedGeneration });
}

async function endBroken(run: Run, good: HistoryEntry, why: Failure, back: Failure): Promise<void> {
  const end = { state: 'failed', ...brokenWayBack(good, why, back) } as const;
  await endWithoutGeneration(run, end, UNCERTAIN);
}

/** The outcome first: a line or a table shows only what a message begins with. */
export function brokenWayBack(
  good: Pick<HistoryEntry, 'generation' | 'version'>,
  why: Failure,
  back: Failure,
): Failure {
  const outcome = `Going back to generation ${good.generation} (${good.version}) failed, so it is not certain what runs`;
  const cause = `It was to go back because of this (${why.reason}): ${why.message}`;
  return { reason: 'way-back-failed', message: sentences(outcome, back.message, cause) };
}

const WITHOUT_GOOD =
  'There is no good generation to go back to: what was applied stays to be looked at, and the next upgrade replaces it';

/** The question that is asked instead of going back: both answers are ordinary operations, and neither is lost by waiting. */
function whatMayBeDone({ installation }: Run, good: HistoryEntry, lasting: string): string {
  const { name } = installation;
  return [
    `${lasting} has run, and going back does not undo that, so what was applied stays until somebody decides.`,
    `Push a corrected version: steward upgrade ${name} --version …`,
    `or go back in spite of it: steward rollback ${name} --to-generation ${good.generation}`,
  ].join('\n');
}

/** What was applied stays where a person stopped it. */
export async function endOnHold(run: Run, message: string): Promise<void> {
  const next = 'What was applied stays as it is: push another version, or a rollback';
  await endAsItIs(run, { reason: 'cancelled', message }, next, 'cancelled');
}
