import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADDITION_PATIENCE_MS, clientOf, removeAddition } from './additions.ts';
import type { ClusterHandle } from './cluster.ts';
import { metricsServerImage } from './images.ts';
import { waitUntil } from './node/wait-until.ts';
import { buildProgram, type Log } from './programs/programs.ts';
import { runCommand } from './programs/run-command.ts';

const name = 'metrics-server';
const namespace = 'kube-system';
const port = 10250;
const api = '/apis/metrics.k8s.io/v1beta1';

/**
 * Gives a running cluster the metrics API as customers' clusters have it: metrics-server in a pod, which asks the kubelet
 * every ten seconds. Resolves when it has figures. Not a part of every cluster, since it costs some load all the time and
 * tests show what is said where it is missing: whoever started it removes it.
 */
export async function startMetricsServer(cluster: ClusterHandle, log?: Log): Promise<void> {
  const client = await clientOf(cluster);
  const { archivePath, ref } = await metricsServerImage(log);
  await cluster.importImage(archivePath);
  await removeMetricsServer(cluster);
  const made = objects(ref, await makeCertificates());
  for (const [path, object] of Object.entries(made)) await client.apply(path, object);
  const hasFigures = async (): Promise<boolean> => ((await client.get(`${api}/nodes`)) ?? '').includes('"cpu"');
  await waitUntil('the metrics API to have figures', hasFigures, { timeoutMs: ADDITION_PATIENCE_MS, intervalMs: 200 });
}

/** Resolves when nothing of it is left and the API server knows no such API, also after a start that was killed. Safe twice. */
export async function removeMetricsServer(cluster: ClusterHandle): Promise<void> {
  const client = await clientOf(cluster);
  // The API first: one that is announced and does not answer holds up who lists all there are, as who deletes a namespace does.
  const paths = Object.keys(objects('', { authority: '', certificate: '', key: '' })).toReversed();
  await removeAddition(client, { what: 'metrics-server', paths, also: [api] });
}

/** In base64. */
interface Certificates {
  authority: string;
  certificate: string;
  key: string;
}

/** An authority of its own, as one that an installer makes for it. */
async function makeCertificates(): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), 'steward-metrics-server-'));
  try {
    const names = { dnsNames: [`${name}.${namespace}.svc`], addresses: [], organizations: [] };
    const request = join(dir, 'request.json');
    await writeFile(request, JSON.stringify({ dir, certificates: [{ name, commonName: name, ...names }] }));
    await runCommand([await buildProgram('node-init'), 'certs', request]);
    const read = async (file: string): Promise<string> => readFile(join(dir, file), 'base64');
    return { authority: await read('ca.crt'), certificate: await read(`${name}.crt`), key: await read(`${name}.key`) };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** By their paths, in the order in which they are made. */
function objects(image: string, { authority, certificate, key }: Certificates): Record<string, object> {
  const rbac = 'rbac.authorization.k8s.io';
  const metadata = { name, namespace };
  const service = { ...metadata, port: 443 };
  return {
    [`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`]: { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    [`/apis/${rbac}/v1/clusterroles/system:${name}`]: {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name: `system:${name}` },
      rules: [
        { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
        { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
        // Whose request the API server passes on, and whether they may.
        { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
        {
          apiGroups: [''],
          resources: ['configmaps'],
          resourceNames: ['extension-apiserver-authentication'],
          verbs: ['get', 'list', 'watch'],
        },
      ],
    },
    [`/apis/${rbac}/v1/clusterrolebindings/system:${name}`]: {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: `system:${name}` },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: `system:${name}` },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
    [`/api/v1/namespaces/${namespace}/secrets/${name}`]: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata,
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': certificate, 'tls.key': key },
    },
    [`/api/v1/namespaces/${namespace}/services/${name}`]: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: name }, ports: [{ port: service.port, targetPort: port }] },
    },
    [`/api/v1/namespaces/${namespace}/pods/${name}`]: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels: { app: name } },
      spec: pod(image),
    },
    '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io': {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        service,
        caBundle: authority,
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  };
}

function pod(image: string): object {
  const args = [
    `--secure-port=${port}`,
    '--tls-cert-file=/tls/tls.crt',
    '--tls-private-key-file=/tls/tls.key',
    '--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    '--kubelet-preferred-address-types=InternalIP',
    // As often as it can; the request must end within the time.
    '--metric-resolution=10s',
    '--kubelet-request-timeout=9s',
  ];
  const readinessProbe = { httpGet: { path: '/readyz', port, scheme: 'HTTPS' }, periodSeconds: 1 };
  const volumeMounts = [{ name: 'tls', mountPath: '/tls', readOnly: true }];
  return {
    serviceAccountName: name,
    terminationGracePeriodSeconds: 0,
    containers: [{ name, image, args, readinessProbe, volumeMounts }],
    volumes: [{ name: 'tls', secret: { secretName: name } }],
  };
}
