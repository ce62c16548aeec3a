import type { KubeObject, ResourceRef } from '../kube/client.ts';
import { jobView, type JobView } from './objects/job.ts';
import { podView, type PodView } from './objects/pod.ts';
import { endpointsView, type EndpointsView } from './objects/endpoints.ts';
import { claimView, type ClaimView } from './objects/storage.ts';
import { workloadView, type WorkloadView } from './objects/workload.ts';

/** What the agent keeps of an installation's namespace, by kind of object; keys are `namespace/name`. */
export interface NamespaceObjects {
  pods: ReadonlyMap<string, PodView>;
  workloads: readonly ReadonlyMap<string, WorkloadView>[];
  jobs: ReadonlyMap<string, JobView>;
  claims: ReadonlyMap<string, ClaimView>;
  endpoints: ReadonlyMap<string, EndpointsView>;
}

function ref(group: string, kind: string, plural: string): ResourceRef {
  return { group, version: 'v1', kind, plural, namespaced: true };
}

/** The kinds a namespace is watched for, with the small view that is kept of each. */
export const WATCHED = {
  Pod: { ref: ref('', 'Pod', 'pods'), project: podView },
  PersistentVolumeClaim: {
    ref: ref('', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
    project: claimView,
  },
  Deployment: { ref: ref('apps', 'Deployment', 'deployments'), project: workloadView },
  StatefulSet: { ref: ref('apps', 'StatefulSet', 'statefulsets'), project: workloadView },
  DaemonSet: { ref: ref('apps', 'DaemonSet', 'daemonsets'), project: workloadView },
  Job: { ref: ref('batch', 'Job', 'jobs'), project: jobView },
  EndpointSlice: { ref: ref('discovery.k8s.io', 'EndpointSlice', 'endpointslices'), project: endpointsView },
} as const satisfies Record<string, { ref: ResourceRef; project: (object: KubeObject) => unknown }>;
export type WatchedKind = keyof typeof WATCHED;
