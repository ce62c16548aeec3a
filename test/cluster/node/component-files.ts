import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { registryFolder } from '../image/registry.ts';
import { kubeconfigOf } from './certificates.ts';
import { dnsServiceAddress, podCidr, type Layout } from './layout.ts';

export const pauseImage = 'steward.test/pause:1';

export const componentFile = (layout: Layout, name: string): string => join(layout.stateDir, 'config', name);

/** Writes the configuration files the components read; the reasons for unusual settings are beside them. */
export async function writeComponentFiles(layout: Layout): Promise<void> {
  const files: Record<string, string> = {
    'containerd.toml': containerd(layout),
    'kubelet.json': JSON.stringify(kubelet(layout), undefined, 2),
    'kube-proxy.json': JSON.stringify(kubeProxy(layout), undefined, 2),
    Corefile: corefile(layout),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(componentFile(layout, name), text);
  await writeFile(join(layout.stateDir, 'cni', '10-pods.conflist'), JSON.stringify(podNetwork));
}

/** Each pod gets a link of its own and is routed: all its traffic passes iptables, which a bridge would not promise. */
const podNetwork = {
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: { type: 'host-local', ranges: [[{ subnet: podCidr }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

/** restrict_oom_score_adj: lowering the score may be refused even to root. The state folder's socket is for `ctr` outside. */
function containerd(layout: Layout): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "${layout.containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${pauseImage}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "${registryFolder(layout)}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${layout.stateDir}/cni"
`;
}

/** A busy or full machine must not evict pods or delete images in the middle of a test, hence thresholds of zero. */
function kubelet(layout: Layout): object {
  const pki = join(layout.stateDir, 'pki');
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: layout.nodeAddress,
    healthzBindAddress: '127.0.0.1',
    readOnlyPort: 0,
    tlsCertFile: join(pki, 'kubelet.crt'),
    tlsPrivateKeyFile: join(pki, 'kubelet.key'),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(pki, 'ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${layout.cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    oomScoreAdj: 0,
    clusterDNS: [dnsServiceAddress],
    clusterDomain: 'cluster.local',
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    maxPods: 250,
    // Tests kill the same container again and again; the usual wait doubles each time, up to five minutes.
    featureGates: { KubeletCrashLoopBackOffMax: true },
    crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
    evictionHard: {
      'memory.available': '0%',
      'nodefs.available': '0%',
      'nodefs.inodesFree': '0%',
      'imagefs.available': '0%',
      'imagefs.inodesFree': '0%',
    },
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
  };
}

/** Connection tracking limits belong to the whole machine: zero leaves them alone. */
function kubeProxy(layout: Layout): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: kubeconfigOf(layout, 'kube-proxy') },
    hostnameOverride: layout.nodeName,
    clusterCIDR: podCidr,
    mode: 'iptables',
    iptables: { minSyncPeriod: '0s' },
    healthzBindAddress: `${layout.nodeAddress}:10256`,
    metricsBindAddress: '127.0.0.1:10249',
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    oomScoreAdj: 0,
  };
}

/** A name outside the cluster does not exist, and is said not to at once. */
function corefile(layout: Layout): string {
  return `.:53 {
  bind ${layout.nodeAddress}
  errors
  ready ${layout.nodeAddress}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfigOf(layout, 'coredns')}
    pods insecure
    ttl 5
  }
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
`;
}
