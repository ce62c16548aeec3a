import type { ResourceRef } from '../client.ts';

/** `group/version` → kinds that need no discovery. `Kind=plural` where the plural is not the lower-case kind with an s; `*` marks cluster-scoped. */
const TABLE: Record<string, string> = {
  v1: 'Pod Service ConfigMap Secret ServiceAccount PersistentVolumeClaim Endpoints=endpoints Event ReplicationController ResourceQuota LimitRange PodTemplate *Namespace *Node *PersistentVolume',
  'apps/v1': 'Deployment StatefulSet DaemonSet ReplicaSet ControllerRevision',
  'batch/v1': 'Job CronJob',
  'policy/v1': 'PodDisruptionBudget',
  'autoscaling/v2': 'HorizontalPodAutoscaler',
  'networking.k8s.io/v1': 'Ingress=ingresses NetworkPolicy=networkpolicies *IngressClass=ingressclasses',
  'discovery.k8s.io/v1': 'EndpointSlice',
  'coordination.k8s.io/v1': 'Lease',
  'events.k8s.io/v1': 'Event',
  'storage.k8s.io/v1': '*StorageClass=storageclasses',
  'scheduling.k8s.io/v1': '*PriorityClass=priorityclasses',
  'rbac.authorization.k8s.io/v1': 'Role RoleBinding *ClusterRole *ClusterRoleBinding',
  'apiextensions.k8s.io/v1': '*CustomResourceDefinition',
  'steward.dev/v1alpha1': 'Agent Installation Operation SupportPolicy=supportpolicies OperationApproval ImageSource',
};

/** @returns the kind when it is one that every cluster has under this version */
export function builtinKind(apiVersion: string, kind: string): ResourceRef | undefined {
  const row = TABLE[apiVersion]?.split(' ').find((entry) => entry.replace('*', '').split('=')[0] === kind);
  if (row === undefined) return undefined;
  const [group, version] = splitApiVersion(apiVersion);
  const plural = row.split('=')[1] ?? `${kind.toLowerCase()}s`;
  return { group, version, kind, plural, namespaced: !row.startsWith('*') };
}

/** `apps/v1` → `['apps', 'v1']`, `v1` → `['', 'v1']` */
export function splitApiVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}
