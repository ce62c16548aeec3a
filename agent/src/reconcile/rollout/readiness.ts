import type { NamespaceObjects } from '../../collect/namespace-objects.ts';
import { usersOf, workloadOf } from '../../collect/objects/pod.ts';
import type { WorkloadView } from '../../collect/objects/workload.ts';
import type { Target } from './targets.ts';

/** How far one target is; `done` and `total` count pods where it has some. */
export interface Readiness {
  isReady: boolean;
  done: number;
  total: number;
  /** What it waits for, while it is not ready. */
  waitsFor: string;
}

/** The rules of `kubectl rollout status`, and for what it does not know those of Helm. */
export function readinessOf(target: Target, objects: NamespaceObjects): Readiness {
  switch (target.kind) {
    case 'Deployment':
    case 'StatefulSet':
    case 'DaemonSet':
      return workloadReadiness(target, workloadIn(objects, target), objects);
    case 'Job':
      return jobReadiness(target, objects);
    case 'PersistentVolumeClaim':
      return claimReadiness(target, objects);
    case 'Service':
      return serviceReadiness(target, objects);
    case 'Pod': {
      const pod = [...objects.pods.values()].find(({ name }) => name === target.name);
      const hasEnded = pod?.phase === 'Succeeded';
      if (target.mustEnd) return single(hasEnded, pod ? 'is still running' : 'has not started');
      return single(pod?.isReady === true || hasEnded, 'is not ready');
    }
  }
}

export function workloadIn(objects: NamespaceObjects, target: Target): WorkloadView | undefined {
  for (const workloads of objects.workloads)
    for (const workload of workloads.values())
      if (workload.kind === target.kind && workload.name === target.name) return workload;
  return undefined;
}

/** The workload, if its controller has seen what was applied. */
export function observed(target: Target, workload: WorkloadView | undefined): WorkloadView | undefined {
  const isSeen =
    workload !== undefined &&
    workload.uid === target.uid &&
    workload.generation >= target.generation &&
    workload.observedGeneration >= workload.generation;
  return isSeen ? workload : undefined;
}

function workloadReadiness(target: Target, found: WorkloadView | undefined, objects: NamespaceObjects): Readiness {
  const workload = observed(target, found);
  if (!workload) {
    const total = found?.wanted ?? 1;
    return { isReady: false, done: 0, total, waitsFor: 'its controller has not seen the change' };
  }
  const { wanted, available } = workload;
  const current = updatedOf(workload, target);
  const done = Math.max(0, Math.min(wanted, available, current.count));
  const state = { done, total: wanted };
  if (current.count < current.wanted)
    return { ...state, isReady: false, waitsFor: `${current.count} of ${current.wanted} pods are new` };
  if (workload.kind === 'Deployment' && workload.replicas > workload.updated)
    return { ...state, isReady: false, waitsFor: `old pods still there: ${workload.replicas - workload.updated}` };
  const left = wanted === 0 ? podsLeft(target, objects) : surplusOf(workload);
  if (left > 0) return { ...state, isReady: false, waitsFor: `pods that are to go are still there: ${left}` };
  if (available < wanted) return { ...state, isReady: false, waitsFor: `${available} of ${wanted} pods are ready` };
  return { ...state, isReady: true, waitsFor: '' };
}

/** What is stopped has stopped only when its last pod has ended, and let go of its volumes. */
function podsLeft({ kind, name }: Target, { pods }: NamespaceObjects): number {
  const isLeft = (phase: string): boolean => phase !== 'Succeeded' && phase !== 'Failed';
  return [...pods.values()].filter((pod) => isLeft(pod.phase) && workloadOf(pod) === `${kind}/${name}`).length;
}

function surplusOf({ kind, replicas, wanted }: WorkloadView): number {
  return kind === 'DaemonSet' ? 0 : Math.max(0, replicas - wanted);
}

/** How many pods are of the newest template, and how many should be. */
function updatedOf(workload: WorkloadView, { mustReplace }: Target): { count: number; wanted: number } {
  const { kind, wanted, updated, isOnDelete, partition, currentRevision, updateRevision } = workload;
  if (isOnDelete && !mustReplace) return { count: wanted, wanted };
  if (kind !== 'StatefulSet') return { count: updated, wanted };
  // Of such a set the controller never makes the new revision the current one.
  if (isOnDelete) return { count: updateRevision === currentRevision ? wanted : updated, wanted };
  if (partition > 0) return { count: updated, wanted: Math.max(0, wanted - partition) };
  // When all are new the controller makes the new revision the current one, and counts no more.
  return { count: updateRevision === currentRevision ? wanted : Math.max(0, Math.min(updated, wanted - 1)), wanted };
}

function jobReadiness({ name }: Target, objects: NamespaceObjects): Readiness {
  const job = [...objects.jobs.values()].find((view) => view.name === name);
  return single(job?.state === 'complete' || job?.state === 'suspended', job ? 'is still running' : 'has not started');
}

/** A claim that nobody uses may wait for its first consumer for ever. */
function claimReadiness({ name }: Target, objects: NamespaceObjects): Readiness {
  const claim = [...objects.claims.values()].find((view) => view.name === name);
  const isUsed = usersOf(name, objects.pods).length > 0;
  return single(claim !== undefined && (claim.phase === 'Bound' || !isUsed), 'has no volume');
}

/** A service without any address selects nothing, which may be meant. */
function serviceReadiness({ name }: Target, objects: NamespaceObjects): Readiness {
  const slices = [...objects.endpoints.values()].filter(({ service }) => service === name);
  const total = slices.reduce((sum, slice) => sum + slice.total, 0);
  const ready = slices.reduce((sum, slice) => sum + slice.ready, 0);
  return single(total === 0 || ready > 0, `none of its ${total} addresses is ready`);
}

function single(isReady: boolean, waitsFor: string): Readiness {
  return { isReady, done: isReady ? 1 : 0, total: 1, waitsFor: isReady ? '' : waitsFor };
}
