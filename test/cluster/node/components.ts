import { join } from 'node:path';
import { kubeconfigOf } from './certificates.ts';
import { componentFile } from './component-files.ts';
import { apiPort, podCidr, serviceCidr, type Layout } from './layout.ts';

/** In the order they are started; each waits for the addresses in `after` first. */
export const componentNames = [
  'containerd',
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'coredns',
] as const;
export type ComponentName = (typeof componentNames)[number];

export interface Component {
  name: ComponentName;
  command: string[];
  env: Record<string, string>;
  after: string[];
}

/** These collect garbage at four times what they hold instead of twice: a third less processor for 0.4 GiB more memory. */
const LESS_COLLECTING = { GOGC: '300' };

export function componentsOf(layout: Layout, containerd: string): Component[] {
  const api = `${layout.nodeAddress}:${apiPort}`;
  // Before its roles are there the API server turns its own components away, and some give up at that.
  const apiReady = `https://${api}/readyz`;
  const after: Record<ComponentName, string[]> = {
    containerd: [],
    etcd: [],
    'kube-apiserver': ['tcp:127.0.0.1:2379'],
    'kube-controller-manager': [apiReady],
    'kube-scheduler': [apiReady],
    kubelet: [`unix:${layout.containerdSocket}`, `tcp:${api}`],
    'kube-proxy': [apiReady],
    coredns: [apiReady],
  };
  const bin = (name: string): string => join(layout.stateDir, 'bin', name);
  const commands: Record<ComponentName, string[]> = {
    containerd: [containerd, '--config', componentFile(layout, 'containerd.toml')],
    etcd: [bin('kube'), 'etcd', ...etcd()],
    'kube-apiserver': [bin('kube'), 'kube-apiserver', ...apiServer(layout)],
    'kube-controller-manager': [bin('kube'), 'kube-controller-manager', ...controllerManager(layout)],
    'kube-scheduler': [bin('kube'), 'kube-scheduler', ...scheduler(layout)],
    kubelet: [bin('kube'), 'kubelet', ...kubelet(layout)],
    'kube-proxy': [bin('kube'), 'kube-proxy', `--config=${componentFile(layout, 'kube-proxy.json')}`],
    coredns: [bin('coredns'), '-conf', componentFile(layout, 'Corefile')],
  };
  return componentNames.map((name) => ({ name, command: commands[name], env: LESS_COLLECTING, after: after[name] }));
}

/** Not waiting for the disk is for a cluster that is thrown away after a crash of the machine, as this one is. */
function etcd(): string[] {
  return [
    '--data-dir=/var/lib/etcd',
    '--unsafe-no-fsync',
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--log-level=warn',
  ];
}

function apiServer(layout: Layout): string[] {
  const pki = (file: string): string => join(layout.stateDir, 'pki', file);
  return [
    '--etcd-servers=http://127.0.0.1:2379',
    `--bind-address=${layout.nodeAddress}`,
    `--advertise-address=${layout.nodeAddress}`,
    `--secure-port=${apiPort}`,
    `--service-cluster-ip-range=${serviceCidr}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--client-ca-file=${pki('ca.crt')}`,
    `--tls-cert-file=${pki('kube-apiserver.crt')}`,
    `--tls-private-key-file=${pki('kube-apiserver.key')}`,
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('kubelet-client.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    // To the pods themselves: the node has no route to the addresses of Services.
    '--enable-aggregator-routing=true',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki('sa.pub')}`,
    `--service-account-signing-key-file=${pki('sa.key')}`,
    `--requestheader-client-ca-file=${pki('ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy.key')}`,
  ];
}

function controllerManager(layout: Layout): string[] {
  const pki = (file: string): string => join(layout.stateDir, 'pki', file);
  const kubeconfig = kubeconfigOf(layout, 'kube-controller-manager');
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
    // Autoscalers are looked at every 15 s otherwise, and tests wait for two looks; and go down only after 5 minutes.
    '--horizontal-pod-autoscaler-sync-period=2s',
    '--horizontal-pod-autoscaler-downscale-stabilization=30s',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${pki('sa.key')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    `--cluster-signing-cert-file=${pki('ca.crt')}`,
    `--cluster-signing-key-file=${pki('ca.key')}`,
    `--cluster-cidr=${podCidr}`,
    '--allocate-node-cidrs=false',
    '--enable-hostpath-provisioner=true',
    '--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins',
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ];
}

function scheduler(layout: Layout): string[] {
  const kubeconfig = kubeconfigOf(layout, 'kube-scheduler');
  return [
    `--kubeconfig=${kubeconfig}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--bind-address=127.0.0.1',
    '--leader-elect=false',
  ];
}

function kubelet(layout: Layout): string[] {
  return [
    `--config=${componentFile(layout, 'kubelet.json')}`,
    `--kubeconfig=${kubeconfigOf(layout, 'kubelet')}`,
    `--hostname-override=${layout.nodeName}`,
    `--node-ip=${layout.nodeAddress}`,
  ];
}
