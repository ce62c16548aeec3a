import type { NamespaceObjects } from '../../collect/namespace-objects.ts';
import { workloadOf, type PodView } from '../../collect/objects/pod.ts';
import { isWorkloadKind, type ReplicaSetView, type WorkloadView } from '../../collect/objects/workload.ts';
import type { Failure } from '../outcome.ts';
import { certaintyOf, REFUSED_HOLD_MS, type CertainFailure } from './certain-failure.ts';
import { observed, readinessOf, workloadIn } from './readiness.ts';
import type { Target } from './targets.ts';

/** A controller could not make a pod: told by an event only, except for Deployments. */
export interface RefusedPod {
  owner: string;
  message: string;
  atMs: number;
}

export interface RolloutInput {
  targets: readonly Target[];
  objects: NamespaceObjects;
  replicaSets: Iterable<ReplicaSetView>;
  refused: Iterable<RefusedPod>;
  /** Pods made before this are of an older generation where nothing else tells. */
  startedMs: number;
  /** What ran before failed: every pod that is not ready and not of the wanted revision is in the way. */
  isOverFailed: boolean;
  /** Uids of pods that were removed or evicted, and may still be seen. */
  removed: ReadonlySet<string>;
  /** Since when a problem lasts, from the evaluation before. */
  heldSince: ReadonlyMap<string, number>;
  nowMs: number;
}

export interface RolloutState {
  isReady: boolean;
  done: number;
  total: number;
  /** What is waited for, with what is known of why; at most ten. */
  waiting: string[];
  /** Certain: waiting longer is of no use. */
  failure: Failure | undefined;
  heldSince: Map<string, number>;
  /** A failure will be certain then, unless something changes. */
  recheckAtMs: number | undefined;
  /** Pods of an older revision that nobody else will replace. */
  inTheWay: PodInTheWay[];
}

/** One that holds its StatefulSet up serves nobody and is deleted; one that does its work is evicted, as disruption budgets allow. */
export interface PodInTheWay {
  name: string;
  uid: string;
  how: 'delete' | 'evict';
}

interface Trouble {
  key: string;
  text: string;
  certainty: CertainFailure | undefined;
}

/** How far a rollout is, and whether it can still end well. Pure. */
export function rolloutState(input: RolloutInput): RolloutState {
  const podsOf = Map.groupBy(input.objects.pods.values(), workloadOf);
  const newest = newestHashes(input.replicaSets);
  const state: RolloutState = {
    isReady: true,
    done: 0,
    total: 0,
    waiting: [],
    failure: undefined,
    heldSince: new Map(),
    recheckAtMs: undefined,
    inTheWay: [],
  };
  const troubled: Trouble[] = [];
  let isOtherwiseWaiting = false;
  for (const target of input.targets) {
    const name = `${target.kind}/${target.name}`;
    const readiness = readinessOf(target, input.objects);
    state.done += readiness.done;
    state.total += readiness.total;
    if (readiness.isReady) continue;
    state.isReady = false;
    const workload = observed(target, workloadIn(input.objects, target));
    const pods = podsOf.get(name) ?? [];
    const troubles = troublesOf(target, workload, pods, newest, input);
    // A service waits for the very pods that others are about.
    isOtherwiseWaiting ||= troubles.every(({ certainty }) => !certainty) && target.kind !== 'Service';
    troubled.push(...troubles);
    const why = troubles.map(({ text }) => text).join('; ');
    const isNewPod = (pod: PodView): boolean => isNew(pod, target, workload, newest, input);
    const unready = unreadyPods(pods, isNewPod);
    if (state.waiting.length < 10) state.waiting.push(`${name}: ${why || [readiness.waitsFor, ...unready].join('; ')}`);
    if (!workload) continue;
    if (target.mustReplace) state.inTheWay.push(...nextToEvict(workload, pods, isNewPod, input));
    else state.inTheWay.push(...stuckPods(workload, pods, input));
  }
  judge(troubled, isOtherwiseWaiting, input, state);
  return state;
}

/** Finds the first failure that is certain by now, and when the next one would be. */
function judge(
  troubled: readonly Trouble[],
  isOtherwiseWaiting: boolean,
  { heldSince, nowMs }: RolloutInput,
  state: RolloutState,
): void {
  for (const { key, text, certainty } of troubled) {
    if (!certainty || (certainty.mayWaitForOthers && isOtherwiseWaiting)) continue;
    const sinceMs = heldSince.get(key) ?? nowMs;
    state.heldSince.set(key, sinceMs);
    const certainAtMs = sinceMs + certainty.holdMs;
    if (certainAtMs <= nowMs) state.failure ??= { reason: certainty.reason, message: text };
    else state.recheckAtMs = Math.min(state.recheckAtMs ?? certainAtMs, certainAtMs);
  }
}

function troublesOf(
  target: Target,
  workload: WorkloadView | undefined,
  pods: readonly PodView[],
  newest: ReadonlyMap<string, string>,
  input: RolloutInput,
): Trouble[] {
  const name = `${target.kind}/${target.name}`;
  const gone = goneTrouble(name, target, input);
  if (gone) return [gone];
  // What fails in pods that are to go, or in making none, holds up nothing: a service that crashes can be stopped.
  if (workload?.wanted === 0) return [];
  const ended = endedTrouble(name, target, pods, input);
  if (ended) return [ended];
  const ofPods = pods
    .filter((pod) => !pod.isReady && pod.goneByMs === undefined && isNew(pod, target, workload, newest, input))
    .flatMap(({ name: podName, uid, problems }) =>
      problems.map((problem) => ({
        key: `${uid} ${problem.code}`,
        text: `Pod/${podName}: ${problem.message}`,
        certainty: certaintyOf(problem),
      })),
    );
  const ofController = workload?.problem ? [workloadTrouble(name, workload.problem)] : [];
  return [...ofController, ...ofPods, ...refusedTroubles(name, workload, pods, input)];
}

/** Of pods that nothing is wrong with, why they do not count yet; some of them. */
function unreadyPods(pods: readonly PodView[], isNewPod: (pod: PodView) => boolean): string[] {
  return pods
    .filter((pod) => !pod.isReady && pod.goneByMs === undefined && pod.problems.length === 0 && isNewPod(pod))
    .slice(0, 3)
    .map(({ name, phase }) =>
      phase === 'Running'
        ? `Pod/${name} runs, but its readiness check does not succeed`
        : `Pod/${name} is being started`,
    );
}

/** An event stays when its cause has gone: it counts until a pod is made after it, or none is missing. */
function refusedTroubles(
  name: string,
  workload: WorkloadView | undefined,
  pods: readonly PodView[],
  { refused, startedMs }: RolloutInput,
): Trouble[] {
  const living = pods.filter(({ goneByMs }) => goneByMs === undefined);
  if (living.length >= (workload?.wanted ?? Number.POSITIVE_INFINITY)) return [];
  const newestMs = Math.max(...living.map(({ createdMs }) => createdMs));
  return [...refused]
    .filter(({ owner, atMs }) => owner === name && atMs >= startedMs - CLOCK_GRAIN_MS && atMs > newestMs)
    .map(({ message }) => ({ key: `${name} refused`, text: `${name}: ${message}`, certainty: ofRefusal(message) }));
}

/** A watch may be a little behind what was asked for directly. */
const GONE_HOLD_MS = 15_000;

/** A workload that was applied and that somebody removed since, alone or with its namespace: no pod of it will ever get ready. */
function goneTrouble(name: string, target: Target, { objects }: RolloutInput): Trouble | undefined {
  if (!isWorkloadKind(target.kind)) return undefined;
  const found = workloadIn(objects, target);
  if (found?.uid === target.uid) return undefined;
  const how = found ? 'was removed and made anew by somebody else' : 'is not there any more: somebody removed it';
  const certainty: CertainFailure = { reason: 'objects-gone', holdMs: GONE_HOLD_MS, mayWaitForOthers: false };
  return { key: `${name} gone`, text: `${name} ${how} while it was rolled out`, certainty };
}

/** Of what does its work once: it came to a bad end. */
function endedTrouble(
  name: string,
  target: Target,
  pods: readonly PodView[],
  { objects }: RolloutInput,
): Trouble | undefined {
  const certainty: CertainFailure = { reason: 'job-failed', holdMs: 0, mayWaitForOthers: false };
  const said = pods.flatMap(({ problems }) => problems).at(-1)?.message;
  if (target.kind === 'Pod' && target.mustEnd && pods.some(({ phase }) => phase === 'Failed'))
    return { key: name, text: `${name} failed: ${said ?? 'it ended with a failure'}`, certainty };
  const job = target.kind === 'Job' ? [...objects.jobs.values()].find((view) => view.name === target.name) : undefined;
  return job?.state === 'failed' ? { key: name, text: `${name} failed: ${said ?? job.message}`, certainty } : undefined;
}

/** Times of objects have whole seconds. */
const CLOCK_GRAIN_MS = 1_000;
/** A Deployment says so of the template before for a moment, with the new generation observed already. */
const LATE_HOLD_MS = 5_000;
const POD_REFUSED: CertainFailure = { reason: 'pod-refused', holdMs: REFUSED_HOLD_MS, mayWaitForOthers: false };
/** Kubernetes makes this one for each namespace, sometimes many seconds after it. */
const COMES_BY_ITSELF = /serviceaccount "default" not found/;

function ofRefusal(message: string): CertainFailure | undefined {
  return COMES_BY_ITSELF.test(message) ? undefined : POD_REFUSED;
}

function workloadTrouble(name: string, { code, message }: NonNullable<WorkloadView['problem']>): Trouble {
  const certainty: CertainFailure | undefined =
    code === 'ReplicaFailure'
      ? ofRefusal(message)
      : { reason: 'rollout-deadline', holdMs: LATE_HOLD_MS, mayWaitForOthers: false };
  return { key: `${name} ${code}`, text: `${name}: ${message}`, certainty };
}

/** Of each Deployment, the template hash of its newest replica set. */
function newestHashes(replicaSets: Iterable<ReplicaSetView>): Map<string, string> {
  const newest = new Map<string, ReplicaSetView>();
  for (const view of replicaSets) {
    const known = newest.get(view.deployment);
    if (!known || known.revision < view.revision) newest.set(view.deployment, view);
  }
  return new Map([...newest].map(([deployment, { hash }]) => [deployment, hash]));
}

function isNew(
  pod: PodView,
  target: Target,
  workload: WorkloadView | undefined,
  newest: ReadonlyMap<string, string>,
  { startedMs }: RolloutInput,
): boolean {
  if (target.kind === 'Job' || target.kind === 'Pod') return true;
  if (!workload) return false;
  if (target.kind === 'StatefulSet') return pod.revision === workload.updateRevision;
  const hash = target.kind === 'Deployment' ? newest.get(target.name) : undefined;
  return hash === undefined ? pod.createdMs >= startedMs - CLOCK_GRAIN_MS : pod.revision === hash;
}

/**
 * A StatefulSet does not replace an old pod while one before it is not ready, also when that one never will be
 * (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback).
 */
function stuckPods(
  workload: WorkloadView,
  pods: readonly PodView[],
  { isOverFailed, removed }: RolloutInput,
): PodInTheWay[] {
  if (workload.kind !== 'StatefulSet' || workload.isOnDelete) return [];
  return pods
    .filter(
      (pod) =>
        !pod.isReady &&
        pod.goneByMs === undefined &&
        !removed.has(pod.uid) &&
        pod.revision !== undefined &&
        pod.revision !== workload.updateRevision &&
        (isOverFailed || pod.problems.some((problem) => certaintyOf(problem) !== undefined)),
    )
    .map(({ name, uid }) => ({ name, uid, how: 'delete' }));
}

/** One at a time, the last one first: the next only when all there should be are there and ready. One that is not ready anyway goes before. */
function nextToEvict(
  { wanted }: WorkloadView,
  pods: readonly PodView[],
  isNewPod: (pod: PodView) => boolean,
  { removed }: RolloutInput,
): PodInTheWay[] {
  const standing = pods.filter((pod) => pod.goneByMs === undefined && !removed.has(pod.uid));
  const old = standing.filter((pod) => !isNewPod(pod)).toSorted((a, b) => byOrdinal(b.name, a.name));
  const isWhole = standing.length >= wanted && standing.every(({ isReady }) => isReady);
  const next = isWhole ? old[0] : old.find(({ isReady }) => !isReady);
  return next ? [{ name: next.name, uid: next.uid, how: 'evict' }] : [];
}

const byOrdinal = new Intl.Collator('en', { numeric: true }).compare;
