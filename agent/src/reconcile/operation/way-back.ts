import { AS_RELEASED } from '@steward/shared';
import type { HistoryEntry } from '../../operations/installation-object.ts';
import { done, failed, type Failure, type Outcome } from '../outcome.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { withRunState } from '../run-state/with-run-state.ts';
import { applySet, rollOut } from './forward.ts';
import { sentences } from '../../sentences.ts';
import { removeSets, unneededSets } from './good-generations.ts';
import type { Run } from './run.ts';

/** Going back may take at least this long, however short the release's own deadline is. */
const MIN_DEADLINE_MS = 60_000;

/** After a failure with something written: back to the last good generation, or, when there is none, an end that says what is left. */
export async function beginWayBack(run: Run, failure: Failure): Promise<void> {
  const { history } = run.installation.status;
  const good = history.find(({ generation }) => generation < run.record.spec.generation);
  if (!good) return endWithoutGood(run, failure);
  const set = await loadSet(run, good);
  const waitMs = set.ok ? Math.max(set.value.meta.deadlineSeconds * 1_000, MIN_DEADLINE_MS) : MIN_DEADLINE_MS;
  await run.move({
    state: 'running',
    phase: 'roll-back',
    reason: failure.reason,
    message: sentences(failure.message, `Going back to generation ${good.generation} (${good.version})`),
    also: {
      wayBack: {
        ...failure,
        generation: good.generation,
        deadlineAt: new Date(run.context.now().getTime() + waitMs).toISOString(),
      },
    },
  });
  await goBack(run);
}

/** Puts the stored set of the good generation back and waits for it. Safe to begin again. */
export async function goBack(run: Run): Promise<void> {
  const { wayBack } = run.record.status;
  const good = run.installation.status.history.find(({ generation }) => generation === wayBack?.generation);
  if (!wayBack || !good) throw new Error(`${run.record.name} is on its way back to a generation that is not kept`);
  const outcome = await run.span('roll-back', async (): Promise<Outcome<void>> => {
    const set = await loadSet(run, good);
    if (!set.ok) return set;
    const applied = await applySet(run, set.value, { isWayBack: true });
    return applied.ok ? rollOut(run, set.value, { isWayBack: true }) : applied;
  });
  const why = { reason: wayBack.reason, message: wayBack.message };
  if (outcome.ok) await endRolledBack(run, good, why);
  else await endBroken(run, good, why, outcome.failure);
}

/** As it ran then: a scale that did not come up is taken back too. */
async function loadSet(run: Run, { renderRef, runState }: HistoryEntry): Promise<Outcome<ReleaseSet>> {
  try {
    const { meta, objects } = await run.context.renders.load(renderRef);
    return done({ meta, objects: withRunState(objects, runState ?? AS_RELEASED) });
  } catch (error) {
    run.signal.throwIfAborted();
    return failed('internal', error instanceof Error ? error.message : String(error));
  }
}

async function endRolledBack(run: Run, good: HistoryEntry, why: Failure): Promise<void> {
  const unneeded = ownSet(run);
  const message = sentences(why.message, `Generation ${good.generation} (${good.version}) runs again`);
  await run.context.installations.write(run.installation.name, {
    state: 'rolled-back',
    version: good.version,
    releaseDigest: good.releaseDigest,
    observedGeneration: good.generation,
    message: message.slice(0, 1_000),
    unneeded,
  });
  await run.move({ state: 'rolled-back', phase: 'done', reason: why.reason, message });
  await removeSets(run.context, unneeded);
}

async function endBroken(run: Run, good: HistoryEntry, why: Failure, back: Failure): Promise<void> {
  const unneeded = ownSet(run);
  const message = sentences(why.message, `Going back to generation ${good.generation} failed too: ${back.message}`);
  await run.context.installations.write(run.installation.name, {
    state: 'failed',
    version: null,
    releaseDigest: null,
    message: message.slice(0, 1_000),
    unneeded,
  });
  await run.move({ state: 'failed', phase: 'done', reason: why.reason, message });
  await removeSets(run.context, unneeded);
}

async function endWithoutGood(run: Run, { reason, message: why }: Failure): Promise<void> {
  const { desired } = run.record.spec;
  const unneeded = ownSet(run);
  const message = sentences(
    why,
    'There is no good generation to go back to: what was applied stays to be looked at, and the next upgrade replaces it',
  );
  await run.context.installations.write(run.installation.name, {
    state: 'failed',
    version: desired.release.version,
    releaseDigest: desired.release.digest,
    message: message.slice(0, 1_000),
    unneeded,
  });
  await run.move({ state: 'failed', phase: 'done', reason, message });
  await removeSets(run.context, unneeded);
}

function ownSet(run: Run): string[] {
  return unneededSets([run.record.status.renderRef], run.installation.status.history);
}
