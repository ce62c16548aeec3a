import { AS_RELEASED } from '@steward/shared';
import type { HistoryEntry, InstallationStatus } from '../../operations/installation/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { sentences } from '../../sentences.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { LostSetError } from '../render/render-store.ts';
import { setAsItRuns } from '../run-state/with-run-state.ts';
import { asScheduled } from '../schedule/due-turn.ts';

type Standing = Pick<InstallationStatus, 'state' | 'history' | 'observedGeneration' | 'schedule'>;

/** The good generation that runs, between operations; undefined when none does. */
export function standingGeneration({ state, history, observedGeneration }: Standing): HistoryEntry | undefined {
  if (state !== 'running' && state !== 'rolled-back') return undefined;
  return history.find(({ generation }) => generation === observedGeneration);
}

/**
 * Its stored set as it is to run now, stopped where its schedule has stopped it.
 * @throws LostSetError when somebody removed or altered it
 */
export async function loadStandingSet(
  { renders }: ReconcileContext,
  good: HistoryEntry,
  { schedule }: Standing,
): Promise<ReleaseSet> {
  const runState = asScheduled(good.runState ?? AS_RELEASED, schedule);
  return setAsItRuns(await renders.load(good.renderRef), { ...good, runState });
}

/** The same of an installation; a set that is lost is an answer, which says what to do. */
export async function findStandingSet(
  context: ReconcileContext,
  good: HistoryEntry,
  { name, status }: { name: string; status: Standing },
): Promise<Outcome<ReleaseSet>> {
  try {
    return done(await loadStandingSet(context, good, status));
  } catch (error) {
    if (!(error instanceof LostSetError)) throw error;
    const { generation, version } = good;
    const what = `Nothing of generation ${generation} (${version}) can be compared or put right`;
    const toDo = `Push it again: steward upgrade ${name} --version ${version}`;
    return failed('lost-track', sentences(what, error.message, toDo));
  }
}
