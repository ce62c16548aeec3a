import { compile, HOOK_LABEL } from '@steward/shared';
import { ownerOf } from '../../kube/object.ts';
import { PodObject } from './pod-object.ts';
import { problemsOf, type PodProblem } from './pod-problems.ts';

const decode = compile(PodObject);

/** What is kept of a pod. */
export interface PodView {
  name: string;
  uid: string;
  /** `ReplicaSet/web-5d9c`, `StatefulSet/db`; absent for a pod of nobody. */
  owner: string | undefined;
  /** The hash of the pod template this pod was made from. */
  revision: string | undefined;
  phase: string;
  /** Its own address; none for a pod in the network of its node. */
  ip: string | undefined;
  isReady: boolean;
  /** True once it has been ready since the agent watches it. */
  hasBeenReady: boolean;
  createdMs: number;
  /** When it should be gone, while it is being deleted. */
  goneByMs: number | undefined;
  restarts: number;
  problems: PodProblem[];
  claims: string[];
  /** Of a hook: the operation tells of it. */
  isHook: boolean;
}

interface Meta {
  name: string;
  uid?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  ownerReferences?: { kind: string; name: string; controller?: boolean }[];
}

const NONE: never[] = [];

/** The small view of a pod; undefined when it is not one that can be read. */
export function podView(object: { metadata: Meta }): PodView | undefined {
  const decoded = decode(object);
  if (!decoded.ok) return undefined;
  const { spec, status } = decoded.value;
  const { metadata } = object;
  const isReady = isTrue(decoded.value, 'Ready');
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    owner: ownerOf(metadata),
    revision: revisionOf(metadata.labels ?? {}),
    phase: status?.phase ?? 'Pending',
    ip: status?.podIP === status?.hostIP ? undefined : status?.podIP,
    isReady,
    hasBeenReady: isReady,
    createdMs: Date.parse(metadata.creationTimestamp ?? ''),
    goneByMs: metadata.deletionTimestamp ? Date.parse(metadata.deletionTimestamp) : undefined,
    restarts: restartsOf(decoded.value),
    problems: orNone(problemsOf(decoded.value)),
    claims: orNone((spec.volumes ?? NONE).flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? NONE)),
    isHook: metadata.labels?.[HOOK_LABEL] !== undefined,
  };
}

function isTrue({ status }: PodObject, condition: string): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === condition && is === 'True') ?? false;
}

function restartsOf({ status }: PodObject): number {
  return (status?.containerStatuses ?? NONE).reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** One empty list for all: most pods have neither problems nor claims. */
function orNone<T>(list: T[]): T[] {
  return list.length === 0 ? NONE : list;
}

function revisionOf(labels: Record<string, string>): string | undefined {
  return labels['pod-template-hash'] ?? labels['controller-revision-hash'];
}

/** Those that mount the claim. */
export function usersOf(claim: string, pods: ReadonlyMap<string, PodView>): PodView[] {
  return [...pods.values()].filter(({ claims }) => claims.includes(claim));
}

/** `Deployment/web` for a pod of one of its replica sets, the direct controller for others, `Pod/x` for a pod of nobody. */
export function workloadOf(pod: PodView): string {
  if (pod.owner === undefined) return `Pod/${pod.name}`;
  const suffix = `-${pod.revision ?? ''}`;
  if (!pod.owner.startsWith('ReplicaSet/') || suffix === '-' || !pod.owner.endsWith(suffix)) return pod.owner;
  return `Deployment/${pod.owner.slice('ReplicaSet/'.length, -suffix.length)}`;
}
