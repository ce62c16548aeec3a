import { worstHealth, type HealthReason, type HealthState, type WorkloadHealth } from '@steward/shared';
import type { NamespaceObjects } from './namespace-objects.ts';
import type { JobView } from './objects/job.ts';
import { usersOf, workloadOf, type PodView } from './objects/pod.ts';
import type { EndpointsView } from './objects/endpoints.ts';
import type { ClaimView } from './objects/storage.ts';
import type { WorkloadView } from './objects/workload.ts';
import { lackOf, lackReason } from './objects/volume-growth.ts';

/** A pod that was never ready may take this long before that counts against its health. */
export const START_PATIENCE_MS = 5 * 60_000;
/** A claim may be unbound for this long. */
export const CLAIM_PATIENCE_MS = 30_000;
/** Addresses of a service follow its pods with a delay. */
export const ENDPOINTS_PATIENCE_MS = 5_000;
/** A controller makes the pods that are missing at once, if it may. */
export const PODS_PATIENCE_MS = 10_000;
/** A pod may outlive the end of its grace period by this much. */
export const END_PATIENCE_MS = 30_000;

/** A report tells of this many workloads at most. */
export const MAX_WORKLOADS = 200;

export interface NamespaceHealth {
  health: HealthState;
  reasons: HealthReason[];
  /** All of them: cut to {@link MAX_WORKLOADS} when it is told. */
  workloads: WorkloadHealth[];
  /** When the same objects may have another health, by the mere passing of time. */
  recheckAtMs: number | undefined;
}

/** What is known of one thing before it is put together. */
export interface Verdict {
  kind: string;
  name: string;
  health: HealthState;
  reasons: HealthReason[];
  ready?: number;
  wanted?: number;
  restarts?: number;
  recheckAtMs?: number | undefined;
}

/** Left out of the report while they are healthy. */
const QUIET_KINDS: ReadonlySet<string> = new Set(['PersistentVolumeClaim', 'Service', 'Job']);

/** Puts the health of an installation together from its objects, and no others. Pure: the same objects and time give the same answer. */
export function healthOf(objects: NamespaceObjects, nowMs: number): NamespaceHealth {
  const podsOf = Map.groupBy(
    [...objects.pods.values()].filter(({ isHook }) => !isHook),
    workloadOf,
  );
  const verdicts: Verdict[] = [];
  const seen = new Set<string>();
  const add = (verdict: Verdict): void => {
    seen.add(`${verdict.kind}/${verdict.name}`);
    verdicts.push(verdict);
  };
  for (const workloads of objects.workloads) {
    for (const workload of workloads.values()) {
      add(workloadVerdict(workload, podsOf.get(`${workload.kind}/${workload.name}`) ?? [], nowMs));
    }
  }
  for (const job of objects.jobs.values())
    if (!job.isHook) add(jobVerdict(job, podsOf.get(`Job/${job.name}`) ?? [], nowMs));
  for (const [owner, pods] of podsOf) if (!seen.has(owner)) add(looseVerdict(owner, pods, nowMs));
  for (const claim of objects.claims.values()) {
    const verdict = claimVerdict(claim, objects, nowMs);
    if (verdict) add(verdict);
  }
  // A volume that is still too small is no reason for a service without an address.
  const isAllWell = verdicts.every(({ kind, health }) => health === 'healthy' || kind === 'PersistentVolumeClaim');
  for (const verdict of endpointVerdicts(objects.endpoints.values(), isAllWell, nowMs)) add(verdict);
  return summarize(verdicts);
}

function summarize(verdicts: Verdict[]): NamespaceHealth {
  verdicts.sort((a, b) => (a.kind + a.name < b.kind + b.name ? -1 : 1));
  const rechecks = verdicts.flatMap(({ recheckAtMs }) => recheckAtMs ?? []);
  return {
    health: worstHealth(verdicts.map(({ health }) => health)),
    reasons: verdicts.flatMap(({ reasons }) => reasons).slice(0, 20),
    workloads: verdicts
      .filter(({ kind, health }) => health !== 'healthy' || !QUIET_KINDS.has(kind))
      .map(({ kind, name, health, ready, wanted, restarts }) => ({
        kind,
        name,
        health,
        ...(ready === undefined ? {} : { ready }),
        ...(wanted === undefined ? {} : { wanted }),
        ...(restarts ? { restarts } : {}),
      })),
    recheckAtMs: rechecks.length === 0 ? undefined : Math.min(...rechecks),
  };
}

function workloadVerdict(workload: WorkloadView, pods: PodView[], nowMs: number): Verdict {
  const { kind, name, wanted, problem, isStopped } = workload;
  const object = `${kind}/${name}`;
  const living = pods.filter((pod) => pod.goneByMs === undefined);
  // The pods' own status is ahead of what the controller has counted.
  const ready = pods.length === 0 ? workload.ready : Math.min(living.filter((pod) => pod.isReady).length, wanted);
  const troubled = podReasons(living, nowMs);
  const stuck = stuckReasons(pods, nowMs);
  const missing = missingReasons(workload, nowMs);
  const reasons = [
    ...missing.reasons,
    ...(problem ? [{ code: problem.code, object, message: problem.message }] : []),
    ...troubled.reasons,
    ...stuck.reasons,
  ];
  const isMoving = isRollingOut(workload);
  const isFailing = troubled.isFailing || problem !== undefined || missing.reasons.length > 0;
  const health = workloadHealth({ ready, wanted, isMoving, isFailing, hasBeenReady: workload.hasBeenReady });
  if (reasons.length === 0 && (health === 'degraded' || health === 'unhealthy'))
    reasons.push({ code: 'NotReady', object, message: `${ready} of ${wanted} pods are ready` });
  if (isStopped && wanted === 0 && health === 'healthy') reasons.push({ code: 'Stopped', object, message: STOPPED });
  const restarts = living.reduce((sum, pod) => sum + pod.restarts, 0);
  const recheckAtMs = earliest(missing.recheckAtMs, earliest(troubled.recheckAtMs, stuck.recheckAtMs));
  return { kind, name, ready, wanted, restarts, reasons, recheckAtMs, health };
}

const STOPPED = 'it is stopped on purpose; steward start runs it';

interface Counted {
  ready: number;
  wanted: number;
  isMoving: boolean;
  isFailing: boolean;
  hasBeenReady: boolean;
}

function workloadHealth({ ready, wanted, isMoving, isFailing, hasBeenReady }: Counted): HealthState {
  if (ready >= wanted) return isFailing ? 'degraded' : isMoving ? 'progressing' : 'healthy';
  if (!isFailing && (isMoving || !hasBeenReady)) return 'progressing';
  return ready > 0 ? 'degraded' : 'unhealthy';
}

/** Whether its controller still has pods to make or replace. */
function isRollingOut(workload: WorkloadView): boolean {
  if (workload.observedGeneration < workload.generation) return true;
  if (workload.kind === 'Deployment') return !workload.isComplete;
  if (workload.isOnDelete) return workload.replicas < workload.wanted;
  const target = workload.kind === 'StatefulSet' ? Math.max(0, workload.wanted - workload.partition) : workload.wanted;
  const isStillOld = workload.updateRevision !== undefined && workload.updateRevision !== workload.currentRevision;
  return workload.updated < target && (isStillOld || workload.kind === 'DaemonSet' || workload.replicas < target);
}

interface PodReasons {
  reasons: HealthReason[];
  /** True when a pod is in trouble, not only still starting. */
  isFailing: boolean;
  recheckAtMs: number | undefined;
}

function podReasons(pods: PodView[], nowMs: number): PodReasons {
  const reasons: HealthReason[] = [];
  let recheckAtMs: number | undefined;
  for (const pod of pods) {
    if (pod.isReady) continue;
    const object = `Pod/${pod.name}`;
    for (const { code, message } of pod.problems) reasons.push({ code, object, message });
    if (pod.problems.length > 0 || pod.phase === 'Succeeded') continue;
    const patienceEndMs = pod.createdMs + START_PATIENCE_MS;
    if (!pod.hasBeenReady && nowMs < patienceEndMs) {
      recheckAtMs = earliest(recheckAtMs, patienceEndMs);
      continue;
    }
    const message = pod.hasBeenReady
      ? 'it runs but is not ready any more: its readiness probe fails'
      : 'it was not ready within five minutes: look at its readiness probe and its log';
    reasons.push({ code: 'NotReady', object, message });
  }
  return { reasons: reasons.slice(0, 5), isFailing: reasons.length > 0, recheckAtMs };
}

type Waited = Pick<Verdict, 'reasons' | 'recheckAtMs'>;

function stuckReasons(pods: PodView[], nowMs: number): Waited {
  const reasons: HealthReason[] = [];
  let recheckAtMs: number | undefined;
  for (const { name, goneByMs } of pods) {
    if (goneByMs === undefined) continue;
    const patienceEndMs = goneByMs + END_PATIENCE_MS;
    if (nowMs < patienceEndMs) recheckAtMs = earliest(recheckAtMs, patienceEndMs);
    else {
      const message = 'it should be gone since a while: its node may be lost, or a finalizer holds it';
      reasons.push({ code: 'TerminatingStuck', object: `Pod/${name}`, message });
    }
  }
  return { reasons: reasons.slice(0, 3), recheckAtMs };
}

/** What controllers tell only in events: a quota, Pod Security or a webhook refuses their pods. */
function missingReasons({ kind, name, replicas, wanted, lacksPodsSinceMs }: WorkloadView, nowMs: number): Waited {
  if (lacksPodsSinceMs === undefined) return { reasons: [], recheckAtMs: undefined };
  const patienceEndMs = lacksPodsSinceMs + PODS_PATIENCE_MS;
  if (nowMs < patienceEndMs) return { reasons: [], recheckAtMs: patienceEndMs };
  const message = `${replicas} of ${wanted} pods are there, and the next one is not made`;
  return { reasons: [{ code: 'PodsMissing', object: `${kind}/${name}`, message }], recheckAtMs: undefined };
}

function jobVerdict(job: JobView, pods: PodView[], nowMs: number): Verdict {
  const base = { kind: 'Job', name: job.name };
  if (job.state === 'failed') {
    const last = pods.flatMap((pod) => pod.problems).at(-1);
    const message = last ? `${job.message}; last: ${last.message}` : job.message;
    const reasons = [{ code: 'JobFailed', object: `Job/${job.name}`, message: message.slice(0, 1000) }];
    return { ...base, health: job.cronJob === undefined ? 'unhealthy' : 'degraded', reasons };
  }
  if (job.state !== 'active') return { ...base, health: 'healthy', reasons: [] };
  if (pods.length === 0 && !job.hasHadPods) return podlessVerdict(job, nowMs);
  const { reasons, isFailing } = podReasons(
    pods.filter((pod) => pod.problems.length > 0),
    0,
  );
  if (isFailing) return { ...base, health: 'degraded', reasons };
  return { ...base, health: job.cronJob === undefined ? 'progressing' : 'healthy', reasons };
}

function podlessVerdict({ name, cronJob, startedMs }: JobView, nowMs: number): Verdict {
  const base = { kind: 'Job', name };
  const patienceEndMs = startedMs + PODS_PATIENCE_MS;
  if (nowMs < patienceEndMs) {
    const health = cronJob === undefined ? 'progressing' : 'healthy';
    return { ...base, health, reasons: [], recheckAtMs: patienceEndMs };
  }
  const reason = { code: 'PodsMissing', object: `Job/${name}`, message: 'it has no pod, and none is made' };
  return { ...base, health: 'degraded', reasons: [reason] };
}

/** Pods of nobody, or of a controller that is not watched (an operator's). */
function looseVerdict(owner: string, pods: PodView[], nowMs: number): Verdict {
  const [kind = 'Pod', name = owner] = owner.split('/');
  const living = pods.filter((pod) => pod.phase !== 'Succeeded' && pod.goneByMs === undefined);
  const { reasons, isFailing, recheckAtMs } = podReasons(living, nowMs);
  const ready = living.filter((pod) => pod.isReady).length;
  const isWhole = ready === living.length;
  const bad: HealthState = ready > 0 ? 'degraded' : 'unhealthy';
  const health: HealthState = isWhole ? 'healthy' : isFailing ? bad : 'progressing';
  return { kind, name, health, reasons, ready, wanted: living.length, recheckAtMs };
}

function claimVerdict(claim: ClaimView, objects: NamespaceObjects, nowMs: number): Verdict | undefined {
  const base = { kind: 'PersistentVolumeClaim', name: claim.name };
  const object = `PersistentVolumeClaim/${claim.name}`;
  if (claim.phase === 'Bound') {
    const lack = lackOf(claim, objects);
    if (!lack) return undefined;
    const health = lack.refused === undefined ? 'progressing' : 'degraded';
    return { ...base, health, reasons: [lackReason(claim.name, lack)] };
  }
  if (claim.phase === 'Lost') {
    const message = 'its volume is gone. Restore it from a backup';
    return { ...base, health: 'unhealthy', reasons: [{ code: 'ClaimLost', object, message }] };
  }
  if (usersOf(claim.name, objects.pods).every(lacksNodeOnly)) return undefined;
  const patienceEndMs = claim.createdMs + CLAIM_PATIENCE_MS;
  if (nowMs < patienceEndMs) return { ...base, health: 'progressing', reasons: [], recheckAtMs: patienceEndMs };
  const message = `no volume was bound to it. ${adviceOn(claim)}`;
  return { ...base, health: 'unhealthy', reasons: [{ code: 'ClaimUnbound', object, message }] };
}

/** What the scheduler says of a claim that is to be bound before its pod has a node. */
const BOUND_FIRST = 'unbound immediate PersistentVolumeClaims';

/** No node takes it, and not for want of a volume. Its claims may be of a class that waits for the pod (WaitForFirstConsumer): the fault is the pod's. */
function lacksNodeOnly({ problems }: PodView): boolean {
  return problems.some(({ code, message }) => code === 'Unschedulable' && !message.includes(BOUND_FIRST));
}

function adviceOn({ storageClass }: ClaimView): string {
  if (storageClass === '') return 'It names no storage class, so somebody has to make a volume for it';
  const where = storageClass === undefined ? 'the default storage class' : `storage class ${storageClass}`;
  return `Check that ${where} exists and can provide one`;
}

/** The pods say why a service has no ready address; by itself that only counts when they say that all is well. */
function endpointVerdicts(slices: Iterable<EndpointsView>, isAllWell: boolean, nowMs: number): Verdict[] {
  const services = Map.groupBy(slices, ({ service }) => service);
  return [...services].flatMap(([name, parts]): Verdict[] => {
    const ready = parts.reduce((sum, part) => sum + part.ready, 0);
    const total = parts.reduce((sum, part) => sum + part.total, 0);
    if (total === 0 || ready > 0) return [];
    const sinceMs = Math.max(...parts.map(({ unreadySinceMs }) => unreadySinceMs ?? nowMs));
    const patienceEndMs = sinceMs + ENDPOINTS_PATIENCE_MS;
    const verdict = { kind: 'Service', name, health: 'healthy' as const, reasons: [] };
    if (nowMs < patienceEndMs) return [{ ...verdict, recheckAtMs: patienceEndMs }];
    const message = `none of its ${total} addresses takes traffic`;
    const reasons = [{ code: 'EndpointsUnready', object: `Service/${name}`, message }];
    return [{ ...verdict, health: isAllWell ? 'unhealthy' : 'progressing', reasons }];
  });
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}
