import { dnsServiceAddress, type Layout } from './layout.ts';
import type { KubeClient } from './kube-client.ts';

/** What a cluster has before anyone installs anything: a default storage class, and DNS under its usual address. */
export async function applyClusterObjects(client: KubeClient, layout: Layout): Promise<void> {
  for (const [path, object] of Object.entries(objects(layout))) await client.apply(path, object);
}

function objects(layout: Layout): Record<string, object> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const kind = (apiVersion: string, name: string, kindName: string, metadata: object = {}): object => ({
    apiVersion,
    kind: kindName,
    metadata: { name, ...metadata },
  });
  const dnsPort = (protocol: string): object => ({ name: protocol.toLowerCase(), protocol, port: 53 });
  return {
    '/apis/storage.k8s.io/v1/storageclasses/standard': {
      ...kind('storage.k8s.io/v1', 'standard', 'StorageClass', {
        annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
      }),
      provisioner: 'kubernetes.io/host-path',
      reclaimPolicy: 'Delete',
    },
    [`${rbac}/clusterroles/system:coredns`]: {
      ...kind('rbac.authorization.k8s.io/v1', 'system:coredns', 'ClusterRole'),
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    [`${rbac}/clusterrolebindings/system:coredns`]: {
      ...kind('rbac.authorization.k8s.io/v1', 'system:coredns', 'ClusterRoleBinding'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:coredns' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'system:coredns' }],
    },
    '/api/v1/namespaces/kube-system/services/kube-dns': {
      ...kind('v1', 'kube-dns', 'Service', { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } }),
      spec: { clusterIP: dnsServiceAddress, ports: [dnsPort('UDP'), dnsPort('TCP')] },
    },
    '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns': {
      ...kind('discovery.k8s.io/v1', 'kube-dns', 'EndpointSlice', {
        namespace: 'kube-system',
        labels: { 'kubernetes.io/service-name': 'kube-dns' },
      }),
      addressType: 'IPv4',
      endpoints: [{ addresses: [layout.nodeAddress], conditions: { ready: true } }],
      ports: [dnsPort('UDP'), dnsPort('TCP')],
    },
  };
}
