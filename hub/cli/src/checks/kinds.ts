import { isOwnRole, RBAC_GROUP, type RenderedObject } from '@steward/shared';

/** A kind of Kubernetes itself that lives in a namespace, and why the agent needs rights on it, in words for the customer. */
export interface KnownKind {
  group: string;
  kind: string;
  resource: string;
  reason: string;
}

function kinds(
  group: string,
  rows: readonly (readonly [kind: string, resource: string, reason: string])[],
): KnownKind[] {
  return rows.map(([kind, resource, reason]) => ({ group, kind, resource, reason }));
}

const NAMESPACED: readonly KnownKind[] = [
  ...kinds('', [
    ['ConfigMap', 'configmaps', 'the settings of the service'],
    ['Endpoints', 'endpoints', 'the addresses outside the cluster that the service uses'],
    ['LimitRange', 'limitranges', 'the default limits in the namespace'],
    ['PersistentVolumeClaim', 'persistentvolumeclaims', 'the volumes of the service'],
    ['Pod', 'pods', 'the single pods of the service'],
    ['PodTemplate', 'podtemplates', 'the templates of pods'],
    ['ReplicationController', 'replicationcontrollers', 'the service, in pods'],
    ['ResourceQuota', 'resourcequotas', 'the limits of the namespace'],
    ['Secret', 'secrets', 'the passwords and keys that the chart makes'],
    ['Service', 'services', 'the addresses of the service'],
    ['ServiceAccount', 'serviceaccounts', 'the identities of the pods'],
  ]),
  ...kinds('apps', [
    ['ControllerRevision', 'controllerrevisions', 'the revisions of the workloads'],
    ['DaemonSet', 'daemonsets', 'the service, one pod per node'],
    ['Deployment', 'deployments', 'the service, in pods'],
    ['ReplicaSet', 'replicasets', 'the service, in pods'],
    ['StatefulSet', 'statefulsets', 'the service, in pods with volumes of their own'],
  ]),
  ...kinds('autoscaling', [['HorizontalPodAutoscaler', 'horizontalpodautoscalers', 'the scaling by load']]),
  ...kinds('batch', [
    ['CronJob', 'cronjobs', 'the jobs that run by the clock'],
    ['Job', 'jobs', 'the jobs that run once'],
  ]),
  ...kinds('coordination.k8s.io', [['Lease', 'leases', 'the leases by which pods take turns']]),
  ...kinds('discovery.k8s.io', [
    ['EndpointSlice', 'endpointslices', 'the addresses outside the cluster that the service uses'],
  ]),
  ...kinds('gateway.networking.k8s.io', [
    ['GRPCRoute', 'grpcroutes', 'the ways in from outside'],
    ['HTTPRoute', 'httproutes', 'the ways in from outside'],
  ]),
  ...kinds('networking.k8s.io', [
    ['Ingress', 'ingresses', 'the ways in from outside'],
    ['NetworkPolicy', 'networkpolicies', 'the rules of who may talk to the pods'],
  ]),
  ...kinds(RBAC_GROUP, [
    ['Role', 'roles', 'the rights that the pods of the service need'],
    ['RoleBinding', 'rolebindings', 'the rights that the pods of the service need'],
  ]),
  ...kinds('policy', [
    ['PodDisruptionBudget', 'poddisruptionbudgets', 'the limit on pods that are away while nodes are serviced'],
  ]),
];

/** Kinds of Kubernetes that belong to the whole cluster. */
const CLUSTER_SCOPED = new Set([
  'APIService', 'CSIDriver', 'CSINode', 'CertificateSigningRequest', 'CustomResourceDefinition', 'FlowSchema',
  'GatewayClass', 'IngressClass', 'MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding',
  'MutatingWebhookConfiguration', 'Namespace', 'Node', 'PersistentVolume', 'PriorityClass',
  'PriorityLevelConfiguration', 'RuntimeClass', 'StorageClass', 'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding', 'ValidatingWebhookConfiguration', 'VolumeAttachment', 'VolumeSnapshotClass',
]); // prettier-ignore

const BY_NAME = new Map(NAMESPACED.map((known) => [`${known.group}/${known.kind}`, known]));

/** What an object is to the agent. */
export type KindOfObject =
  | { type: 'namespaced'; known: KnownKind }
  /** Belongs to the whole cluster: the customer applies it. */
  | { type: 'cluster' }
  /** Roles and bindings for the whole cluster: the agent has no rights there that it could give. */
  | { type: 'rbac' }
  /** Not of Kubernetes itself; `known` is guessed. */
  | { type: 'custom'; known: KnownKind };

export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}

/** The kind that a Role means; guessed, where it is not of Kubernetes itself. */
export function kindOfResource(group: string, resource: string): string {
  const name = resource.split('/', 1)[0] ?? resource;
  const known = NAMESPACED.find((one) => one.group === group && one.resource === name);
  return known?.kind ?? `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** As Kubernetes guesses the name of a resource from its kind (`UnsafeGuessKindToResource`). */
function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (name.endsWith('s')) return `${name}es`;
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`;
}

export function kindOf(object: RenderedObject): KindOfObject {
  const group = groupOf(object.apiVersion);
  if (group === RBAC_GROUP && !isOwnRole(object)) return { type: 'rbac' };
  const known = BY_NAME.get(`${group}/${object.kind}`);
  if (known) return { type: 'namespaced', known };
  const isOfKubernetes = group === '' || !group.includes('.') || group.endsWith('.k8s.io');
  if (isOfKubernetes && CLUSTER_SCOPED.has(object.kind)) return { type: 'cluster' };
  const { kind } = object;
  return {
    type: 'custom',
    known: { group, kind, resource: pluralOf(kind), reason: `the ${kind} objects of the service` },
  };
}
