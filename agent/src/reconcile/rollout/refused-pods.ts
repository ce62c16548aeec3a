import * as Type from 'typebox';
import { compile } from '@steward/shared';
import { replicaSetView, type ReplicaSetView } from '../../collect/objects/workload.ts';
import { EVENT } from '../../collect/explanations.ts';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import type { SetMeta } from '../render/release-set.ts';
import type { RefusedPod } from './rollout-state.ts';

const REPLICA_SET: ResourceRef = {
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  namespaced: true,
};

const decodeEvent = compile(
  Type.Object({
    involvedObject: Type.Object({ kind: Type.String(), name: Type.String() }),
    message: Type.Optional(Type.String()),
    lastTimestamp: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    eventTime: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    metadata: Type.Object({ creationTimestamp: Type.Optional(Type.String()) }),
  }),
);

function refusedPod(object: KubeObject): RefusedPod | undefined {
  const decoded = decodeEvent(object);
  if (!decoded.ok) return undefined;
  const { involvedObject, message = '', lastTimestamp, eventTime, metadata } = decoded.value;
  return {
    owner: `${involvedObject.kind}/${involvedObject.name}`,
    message: message.slice(0, 600),
    atMs: Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? ''),
  };
}

/** What is watched only while a rollout goes on. */
export interface RolloutWatches {
  replicaSets: Iterable<ReplicaSetView>;
  refused: Iterable<RefusedPod>;
  synced: Promise<unknown>;
}

/** Watches which replica set is the newest, and events that say a pod could not be made; each only where the release has the right. */
export function watchRolloutDetails(
  kube: KubeClient,
  namespace: string,
  permissions: SetMeta['permissions'],
  onChange: () => void,
  signal: AbortSignal,
): RolloutWatches {
  const may = (kind: string): boolean =>
    permissions.some((permission) => permission.kind === kind && permission.verbs.includes('watch'));
  const common = { namespace, onChange, signal };
  const replicaSets = may('ReplicaSet')
    ? kube.watch({ ...common, ref: REPLICA_SET, project: replicaSetView })
    : undefined;
  const refused = may('Event')
    ? kube.watch({ ...common, ref: EVENT, fieldSelector: 'reason=FailedCreate', project: refusedPod })
    : undefined;
  return {
    replicaSets: { [Symbol.iterator]: () => (replicaSets?.objects ?? new Map<string, ReplicaSetView>()).values() },
    refused: { [Symbol.iterator]: () => (refused?.objects ?? new Map<string, RefusedPod>()).values() },
    synced: Promise.all([replicaSets?.synced, refused?.synced]),
  };
}
