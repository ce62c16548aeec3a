import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../programs/run-command.ts';
import { apiPort, apiServiceAddress, type Layout } from './layout.ts';

/** Who may speak to the API server, by client certificate; the groups decide what the built-in roles allow. */
const clients = (layout: Layout): Record<string, { commonName: string; organizations: string[] }> => ({
  admin: { commonName: 'steward-admin', organizations: ['system:masters'] },
  'kube-controller-manager': { commonName: 'system:kube-controller-manager', organizations: [] },
  'kube-scheduler': { commonName: 'system:kube-scheduler', organizations: [] },
  'kube-proxy': { commonName: 'system:kube-proxy', organizations: [] },
  coredns: { commonName: 'system:coredns', organizations: [] },
  kubelet: { commonName: `system:node:${layout.nodeName}`, organizations: ['system:nodes'] },
});

/** Makes the authority and all key pairs in `pki/`, and a kubeconfig per client in `config/` (the administrator's beside them). */
export async function writeCertificates(layout: Layout, nodeInit: string): Promise<void> {
  const dir = join(layout.stateDir, 'pki');
  const none = { addresses: [] as string[], dnsNames: [] as string[] };
  const names = Object.entries(clients(layout)).map(([name, client]) => ({ name, ...client, ...none }));
  const kubelet = names.find(({ name }) => name === 'kubelet');
  if (kubelet) kubelet.addresses = [layout.nodeAddress];
  const servers = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const certificates = [
    ...names,
    {
      name: 'kube-apiserver',
      commonName: 'kube-apiserver',
      organizations: [],
      addresses: [layout.nodeAddress, apiServiceAddress, '127.0.0.1'],
      dnsNames: [...servers, 'localhost'],
    },
    { name: 'kubelet-client', commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'], ...none },
    { name: 'front-proxy', commonName: 'front-proxy-client', organizations: [], ...none },
  ];
  const request = join(dir, 'request.json');
  await writeFile(request, JSON.stringify({ dir, certificates }));
  await runCommand([nodeInit, 'certs', request]);
  for (const { name } of names) {
    await writeFile(kubeconfigOf(layout, name), await kubeconfig(layout, name), { mode: 0o600 });
  }
}

export function kubeconfigOf(layout: Layout, client: string): string {
  return client === 'admin' ? layout.kubeconfig : join(layout.stateDir, 'config', `${client}.kubeconfig`);
}

/** JSON is YAML: every reader of a kubeconfig takes it. */
async function kubeconfig(layout: Layout, client: string): Promise<string> {
  const read = async (file: string): Promise<string> => readFile(join(layout.stateDir, 'pki', file), 'base64');
  const name = `steward-${layout.name}`;
  const cluster = {
    server: `https://${layout.nodeAddress}:${apiPort}`,
    'certificate-authority-data': await read('ca.crt'),
  };
  const user = {
    'client-certificate-data': await read(`${client}.crt`),
    'client-key-data': await read(`${client}.key`),
  };
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
