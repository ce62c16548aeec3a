import {
  canonicalJson,
  EVICTIONS,
  isOnDelete,
  problemOfScale,
  problemOfSchedule,
  type ReleaseRemedies,
  type RunState,
} from '@steward/shared';
import { isWorkloadKind } from '../../collect/objects/workload.ts';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { autoscalersOf } from './autoscalers.ts';
import { checkAutoscale, withOwnScalers } from './own-scalers.ts';
import type { SetMeta } from '../render/release-set.ts';
import { checkSizes } from './sizes.ts';
import { isOf } from './with-run-state.ts';

const MAX_NAMED = 20;

/** What the signed release allows to be done with it as it runs. */
export interface Offered extends ReleaseRemedies {
  /** Whether its pods may be evicted. */
  evicts?: boolean;
}

export function mayEvict(permissions: SetMeta['permissions']): boolean {
  return permissions.some(({ resource, verbs }) => resource === EVICTIONS && verbs.includes('create'));
}

interface Change {
  wanted: RunState;
  present: RunState;
}

/**
 * Whether a set can run as it is wanted, before anything is written. What is asked for now must be possible; what was
 * asked for earlier and a newer release has no place for is left out.
 * @returns what people should know of it, in sentences for the plan
 */
export function checkRunState(
  objects: readonly KubeObject[],
  wanted: RunState,
  present: RunState,
  offered: Offered = {},
): Outcome<string[]> {
  const notes: string[] = [];
  for (const check of [checkScale, checkRestart, checkStop, checkSizes, checkAutoscale]) {
    const found = check(objects, { wanted, present }, offered);
    if (!found.ok) return found;
    notes.push(...found.value);
  }
  return done(notes);
}

function checkScale(
  objects: readonly KubeObject[],
  { wanted, present }: Change,
  offered: ReleaseRemedies,
): Outcome<string[]> {
  const asked = Object.keys(wanted.replicas).filter((name) => wanted.replicas[name] !== present.replicas[name]);
  const autoscalers = autoscalersOf(withOwnScalers(objects, wanted, offered));
  const scalable = namesOf(objects, ['Deployment', 'StatefulSet']);
  const unknown = asked.filter((name) => !scalable.includes(name));
  if (unknown.length > 0) {
    const known = scalable.slice(0, MAX_NAMED).join(', ') || 'none';
    return failed(
      'unknown-workload',
      `there is no ${unknown.join(', ')} in this release; what can be scaled: ${known}`,
    );
  }
  for (const name of asked) {
    const problem = problemOfScale(name, wanted.replicas[name] ?? 0, offered);
    if (problem !== undefined) return failed('not-offered', problem);
    const scaler = autoscalers.get(name);
    if (!scaler) continue;
    const bounds = `minReplicas ${scaler.minReplicas}, maxReplicas ${scaler.maxReplicas ?? '?'}`;
    const message = `${name} is scaled by ${scaler.kind}/${scaler.name} (${bounds}), which would undo it`;
    return failed('autoscaled', `${message}. Change its bounds instead`);
  }
  return done(unusedNotes(wanted, { scalable, autoscalers, offered }));
}

function namesOf(objects: readonly KubeObject[], kinds: readonly string[]): string[] {
  return objects.filter((object) => isOf(object, 'apps') && kinds.includes(object.kind)).map(nameOf);
}

function checkRestart(
  objects: readonly KubeObject[],
  { wanted, present }: Change,
  { evicts = false }: Offered,
): Outcome<string[]> {
  if (wanted.restartToken === undefined || wanted.restartToken === present.restartToken) return done([]);
  const workloads = objects.filter((object) => isOf(object, 'apps') && isWorkloadKind(object.kind));
  if (workloads.length === 0) return failed('unknown-workload', 'this release has nothing that can be restarted');
  const waiting = workloads.filter(isOnDelete).map(nameOf);
  if (waiting.length === 0) return done([]);
  return done([
    evicts
      ? `Pods of ${waiting.join(', ')} are evicted one by one, as their disruption budgets allow (OnDelete)`
      : `Pods of ${waiting.join(', ')} are replaced when somebody deletes them (OnDelete): the release does not ask for the right to evict them; publish it again`,
  ]);
}

function checkStop(objects: readonly KubeObject[], { wanted, present }: Change): Outcome<string[]> {
  const { schedule } = wanted;
  const isNew = schedule && canonicalJson(schedule) !== canonicalJson(present.schedule);
  const problem = isNew ? problemOfSchedule(schedule) : undefined;
  if (problem !== undefined) return failed('unknown-time-zone', problem);
  const pods = objects.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Pod');
  if (pods.length === 0 || !(wanted.stopped || schedule)) return done([]);
  return done([`${pods.map(({ metadata }) => `Pod/${metadata.name}`).join(', ')} cannot be stopped and goes on`]);
}

function unusedNotes(
  { replicas }: RunState,
  set: { scalable: readonly string[]; autoscalers: ReadonlyMap<string, unknown>; offered: ReleaseRemedies },
): string[] {
  return Object.entries(replicas).flatMap(([name, count]) => {
    if (!set.scalable.includes(name)) return [`${name} is not in this release: its scale waits`];
    if (set.autoscalers.has(name)) return [`${name} is scaled by its autoscaler now: its own scale waits`];
    const problem = problemOfScale(name, count, set.offered);
    return problem === undefined ? [] : [`The scale of ${name} waits: ${problem}`];
  });
}
