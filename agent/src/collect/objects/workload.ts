import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile, mapOf } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { markOf } from '../../kube/mark.ts';
import { ownerOf } from '../../kube/object.ts';
import { ClaimTemplate, sizeOf } from './storage.ts';

/** On a workload that is stopped on purpose, so that its health, and people, can tell. */
export const STOPPED_ANNOTATION = 'steward.dev/stopped';

/** The kinds in group `apps` that a chart writes pods as, and that are stopped, restarted and waited for. */
export const WORKLOAD_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;
export type WorkloadKind = (typeof WORKLOAD_KINDS)[number];

export function isWorkloadKind(kind: string): kind is WorkloadKind {
  return WORKLOAD_KINDS.some((known) => known === kind);
}

/** What is kept of a workload. */
export interface WorkloadView {
  kind: WorkloadKind;
  name: string;
  uid: string;
  /** `Database/main`: an operator's */
  owner?: string | undefined;
  mark: string;
  generation: number;
  observedGeneration: number;
  wanted: number;
  /** Pods it has, those of them from the newest template, ready, and ready for long enough. */
  replicas: number;
  updated: number;
  ready: number;
  available: number;
  /** True once all it wants were ready since the agent watches this generation of it. */
  hasBeenReady: boolean;
  isOnDelete: boolean;
  /** On purpose, by an operation. */
  isStopped: boolean;
  /** StatefulSet only: pods below this ordinal keep the old template. */
  partition: number;
  currentRevision: string | undefined;
  updateRevision: string | undefined;
  /** StatefulSet only: how large a volume each of its claim templates asks for. */
  volumes?: { template: string; size: string }[];
  /** Deployment only: the rollout has ended well. */
  isComplete: boolean;
  /** Since when pods are missing that nothing but their controller keeps from being made; kept by whoever watches. */
  lacksPodsSinceMs?: number | undefined;
  problem: { code: 'ReplicaFailure' | 'ProgressDeadlineExceeded'; message: string } | undefined;
}

const Count = Type.Optional(Type.Integer());
const Conditions = Type.Optional(
  Type.Array(
    Type.Object({
      type: Type.String(),
      status: Type.String(),
      reason: Type.Optional(Type.String()),
      message: Type.Optional(Type.String()),
    }),
  ),
);
const UpdateStrategy = Type.Object({
  type: Type.Optional(Type.String()),
  rollingUpdate: Type.Optional(Type.Object({ partition: Count })),
});
type UpdateStrategy = Static<typeof UpdateStrategy>;
const Status = Type.Object({
  observedGeneration: Count,
  replicas: Count,
  updatedReplicas: Count,
  readyReplicas: Count,
  availableReplicas: Count,
  desiredNumberScheduled: Count,
  currentNumberScheduled: Count,
  updatedNumberScheduled: Count,
  numberReady: Count,
  numberAvailable: Count,
  currentRevision: Type.Optional(Type.String()),
  updateRevision: Type.Optional(Type.String()),
  conditions: Conditions,
});
type Status = Static<typeof Status>;
const decode = compile(
  Type.Object({
    kind: Type.Unsafe<WorkloadKind>({ type: 'string', enum: [...WORKLOAD_KINDS] }),
    metadata: Type.Object({
      name: Type.String(),
      uid: Type.String(),
      generation: Count,
      annotations: Type.Optional(mapOf(Type.String())),
    }),
    spec: Type.Object({
      replicas: Count,
      updateStrategy: Type.Optional(UpdateStrategy),
      volumeClaimTemplates: Type.Optional(Type.Array(ClaimTemplate)),
    }),
    status: Type.Optional(Status),
  }),
);

/** The small view of a workload; undefined when it is not one that can be read. */
export function workloadView(object: KubeObject): WorkloadView | undefined {
  const decoded = decode(object);
  if (!decoded.ok) return undefined;
  const { kind, metadata, spec, status = {} } = decoded.value;
  const counts = kind === 'DaemonSet' ? daemonCounts(status) : replicaCounts(spec.replicas ?? 1, status);
  const { conditions = [], observedGeneration = 0, currentRevision, updateRevision } = status;
  return {
    kind,
    name: metadata.name,
    uid: metadata.uid,
    owner: ownerOf(object.metadata),
    mark: markOf(object),
    generation: metadata.generation ?? 0,
    observedGeneration,
    ...counts,
    hasBeenReady: counts.ready >= counts.wanted,
    ...strategyOf(spec.updateStrategy ?? {}),
    ...volumesOf(spec.volumeClaimTemplates),
    isStopped: metadata.annotations?.[STOPPED_ANNOTATION] === 'true',
    currentRevision,
    updateRevision,
    isComplete: conditions.some(({ type, reason }) => type === 'Progressing' && reason === 'NewReplicaSetAvailable'),
    problem: problemOf(conditions),
  };
}

function strategyOf(strategy: UpdateStrategy): Pick<WorkloadView, 'isOnDelete' | 'partition'> {
  return { isOnDelete: strategy.type === 'OnDelete', partition: strategy.rollingUpdate?.partition ?? 0 };
}

function volumesOf(templates: ClaimTemplate[] = []): Pick<WorkloadView, 'volumes'> {
  const volumes = templates.flatMap((template) => {
    const size = sizeOf(template);
    return size === undefined ? [] : [{ template: template.metadata.name, size }];
  });
  return volumes.length === 0 ? {} : { volumes };
}

/**
 * Whether its controller should have made more pods by now. A Deployment says itself when it may not; the others do so only in
 * events. A StatefulSet makes one after the other, the next when those before are available.
 */
export function lacksPods(workload: WorkloadView): boolean {
  const { kind, generation, observedGeneration, replicas, wanted, available } = workload;
  if (kind === 'Deployment' || observedGeneration < generation || replicas >= wanted) return false;
  return kind === 'DaemonSet' || available >= replicas;
}

type Counts = Pick<WorkloadView, 'wanted' | 'replicas' | 'updated' | 'ready' | 'available'>;

function replicaCounts(wanted: number, status: Status): Counts {
  return {
    wanted,
    replicas: status.replicas ?? 0,
    updated: status.updatedReplicas ?? 0,
    ready: status.readyReplicas ?? 0,
    available: status.availableReplicas ?? 0,
  };
}

function daemonCounts(status: Status): Counts {
  return {
    wanted: status.desiredNumberScheduled ?? 0,
    replicas: status.currentNumberScheduled ?? 0,
    updated: status.updatedNumberScheduled ?? 0,
    ready: status.numberReady ?? 0,
    available: status.numberAvailable ?? 0,
  };
}

function problemOf(conditions: { type: string; status: string; reason?: string; message?: string }[]) {
  const refused = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (refused) return { code: 'ReplicaFailure' as const, message: (refused.message ?? '').slice(0, 600) };
  const late = conditions.find(({ reason }) => reason === 'ProgressDeadlineExceeded');
  return late && { code: 'ProgressDeadlineExceeded' as const, message: (late.message ?? '').slice(0, 600) };
}

/** What is kept of a ReplicaSet, only while a rollout is watched: which revision of its Deployment it is. */
export interface ReplicaSetView {
  deployment: string;
  hash: string;
  revision: number;
}
const decodeReplicaSet = compile(
  Type.Object({
    metadata: Type.Object({
      labels: Type.Object({ 'pod-template-hash': Type.String() }),
      annotations: Type.Object({ 'deployment.kubernetes.io/revision': Type.String() }),
      ownerReferences: Type.Array(Type.Object({ kind: Type.String(), name: Type.String() })),
    }),
  }),
);
export function replicaSetView(object: unknown): ReplicaSetView | undefined {
  const decoded = decodeReplicaSet(object);
  if (!decoded.ok) return undefined;
  const { labels, annotations, ownerReferences } = decoded.value.metadata;
  const owner = ownerReferences.find(({ kind }) => kind === 'Deployment');
  const revision = Number(annotations['deployment.kubernetes.io/revision']);
  return owner && { deployment: owner.name, hash: labels['pod-template-hash'], revision };
}
