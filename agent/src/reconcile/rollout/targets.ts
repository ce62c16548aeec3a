import { HOOK_LABEL, isOnDelete } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isBeingDeleted } from '../../kube/object.ts';
import { WATCHED } from '../../collect/namespace-objects.ts';
import { isWorkloadKind, type WorkloadKind } from '../../collect/objects/workload.ts';
import { isKubeError } from '../../kube/error.ts';
import { persist } from '../../operations/persist.ts';
import { inParallel } from '../../parallel.ts';
import { done, type Outcome } from '../outcome.ts';
import { isClaim } from '../plan/claims.ts';
import { refusalOf } from '../plan/refusal.ts';

const OTHERS = ['Job', 'PersistentVolumeClaim', 'Service', 'Pod'] as const;
const CLAIM = WATCHED.PersistentVolumeClaim.ref;
export type TargetKind = WorkloadKind | (typeof OTHERS)[number];

/** An object that a rollout waits for. */
export interface Target {
  kind: TargetKind;
  name: string;
  /** What was applied: older observations of it do not count. Zero and empty where that does not matter. */
  uid: string;
  generation: number;
  /** A pod that does its work once: ready is not enough, it has to come to its end. */
  mustEnd?: boolean;
  /** Its controller leaves it to others to replace its pods, and now they are to be. */
  mustReplace?: boolean;
}

interface TargetOptions {
  evicts: boolean;
  signal: AbortSignal;
}

/** What of a set has a readiness, with the generation the API server has of it now; or why it may not be looked at. */
export async function loadTargets(
  kube: KubeClient,
  objects: readonly KubeObject[],
  options: TargetOptions,
): Promise<Outcome<Target[]>> {
  const relevant = objects.filter(isTarget);
  try {
    const targets = await inParallel(relevant, 8, (object) => loadTarget(kube, object, options));
    return done(targets.filter((target) => target !== undefined));
  } catch (error) {
    if (!isKubeError(error, 'Forbidden')) throw error;
    return { ok: false, failure: refusalOf(error, 'what is rolled out') };
  }
}

/** Undefined for a claim that somebody has deleted, or is deleting: a pod that wants it waits, and is waited for. */
async function loadTarget(
  kube: KubeClient,
  object: KubeObject,
  { evicts, signal }: TargetOptions,
): Promise<Target | undefined> {
  const { kind, metadata } = object;
  const { name, namespace } = metadata;
  const mustEnd = metadata.labels?.[HOOK_LABEL] !== undefined;
  if (isClaim(object)) {
    const claim = await persist(() => kube.get(CLAIM, namespace, name, { signal }), signal);
    if (!claim || isBeingDeleted(claim)) return undefined;
  }
  if (!isWorkloadKind(kind)) return { kind: kind as TargetKind, name, uid: '', generation: 0, mustEnd };
  const live = await persist(() => kube.get(WATCHED[kind].ref, namespace, name, { signal }), signal);
  const { uid = '', generation = 0 } = live?.metadata ?? {};
  return { kind, name, uid, generation, mustReplace: evicts && isOnDelete(object) };
}

/** Whether there is something to wait for. */
export function isTarget({ kind }: { kind: string }): boolean {
  return isTargetKind(kind);
}

function isTargetKind(kind: string): kind is TargetKind {
  return isWorkloadKind(kind) || OTHERS.some((known) => known === kind);
}
