import { AS_RELEASED, canonicalJson } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import type { HistoryEntry, InstallationStatus } from '../../operations/installation/installation-object.ts';
import type { ScheduleStatus } from '../../operations/installation/schedule-status.ts';
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

/** Its stored set as it is to run now, stopped where its schedule has stopped it. */
export function asItStands(set: ReleaseSet, good: HistoryEntry, schedule: ScheduleStatus | undefined): ReleaseSet {
  return setAsItRuns(set, { ...good, runState: asScheduled(good.runState ?? AS_RELEASED, schedule) });
}

/** The same of an installation; a set that is lost is an answer, which says what to do. */
export async function findStandingSet(
  context: ReconcileContext,
  good: HistoryEntry,
  installation: { name: string; status: Standing },
): Promise<Outcome<ReleaseSet>> {
  const stored = await findStored(context, good, installation.name);
  return stored.ok ? done(asItStands(stored.value, good, installation.status.schedule)) : stored;
}

/** With those of its objects that are other ones while its schedule has stopped it than while it runs; `unturned`: as it is to run without the turn. */
export async function findTurnedSet(
  context: ReconcileContext,
  good: HistoryEntry,
  { name, status: { schedule } }: { name: string; status: Standing },
): Promise<Outcome<{ set: ReleaseSet; unturned: ReleaseSet; turned: KubeObject[] }>> {
  const stored = await findStored(context, good, name);
  if (!stored.ok) return stored;
  const set = asItStands(stored.value, good, schedule);
  const unturned = asItStands(stored.value, good, { isStopped: schedule?.isStopped !== true });
  const same = new Set(unturned.objects.map((object) => canonicalJson(object)));
  return done({ set, unturned, turned: set.objects.filter((object) => !same.has(canonicalJson(object))) });
}

async function findStored(
  { renders }: ReconcileContext,
  { generation, version, renderRef }: HistoryEntry,
  name: string,
): Promise<Outcome<ReleaseSet>> {
  try {
    return done(await renders.load(renderRef));
  } catch (error) {
    if (!(error instanceof LostSetError)) throw error;
    const what = `Nothing of generation ${generation} (${version}) can be compared or put right`;
    const toDo = `Push it again: steward upgrade ${name} --version ${version}`;
    return failed('lost-track', sentences(what, error.message, toDo));
  }
}
