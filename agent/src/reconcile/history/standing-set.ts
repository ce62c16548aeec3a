import { AS_RELEASED } from '@steward/shared';
import type { HistoryEntry, InstallationStatus } from '../../operations/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { setAsItRuns } from '../run-state/with-run-state.ts';
import { asScheduled } from '../schedule/due-turn.ts';

type Standing = Pick<InstallationStatus, 'state' | 'history' | 'observedGeneration' | 'schedule'>;

/** The good generation that runs, between operations; undefined when none does. */
export function standingGeneration({ state, history, observedGeneration }: Standing): HistoryEntry | undefined {
  if (state !== 'running' && state !== 'rolled-back') return undefined;
  return history.find(({ generation }) => generation === observedGeneration);
}

/** Its stored set as it is to run now, stopped where its schedule has stopped it. */
export async function loadStandingSet(
  { renders }: ReconcileContext,
  good: HistoryEntry,
  { schedule }: Standing,
): Promise<ReleaseSet> {
  const runState = asScheduled(good.runState ?? AS_RELEASED, schedule);
  return setAsItRuns(await renders.load(good.renderRef), { ...good, runState });
}
