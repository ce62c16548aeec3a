import { join } from 'node:path';

/** Below this folder each cluster has one of its own; it is gone when no cluster is left. */
export const stateRoot = '/var/lib/steward-cluster';

/** Ranges that exist only inside a cluster's network namespace, so every cluster uses the same. */
export const podCidr = '10.244.0.0/16';
export const serviceCidr = '10.96.0.0/16';
export const apiServiceAddress = '10.96.0.1';
export const dnsServiceAddress = '10.96.0.10';
export const apiPort = 6443;

/** Kept for documentation by RFC 5737; a machine that uses one of them all the same has routes or registries there, which are avoided. */
const linkNetworks = ['192.0.2.', '198.51.100.', '203.0.113.'];
const addressesPerLink = 4;
const linksPerNetwork = 256 / addressesPerLink;
export const linkPrefixBits = 30;
export const maxClusters = linkNetworks.length * linksPerNetwork;

/** Everything that follows from a cluster's name and its index. */
export interface Layout {
  name: string;
  index: number;
  stateDir: string;
  nodeName: string;
  /** This machine's end of the veth pair: where pods reach programs that run here. */
  hostAddress: string;
  /** The other end: the API server, the node, its NodePorts. */
  nodeAddress: string;
  hostLink: string;
  cgroup: string;
  kubeconfig: string;
  containerdSocket: string;
  controlSocket: string;
  launchConfig: string;
}

export function layoutOf(name: string, index: number): Layout {
  const stateDir = stateDirOf(name);
  const network = linkNetworks[Math.floor(index / linksPerNetwork)] ?? '';
  const first = (index % linksPerNetwork) * addressesPerLink;
  return {
    name,
    index,
    stateDir,
    nodeName: `steward-${name}`,
    hostAddress: `${network}${first + 1}`,
    nodeAddress: `${network}${first + 2}`,
    hostLink: `steward${index}`,
    cgroup: cgroupOf(name),
    kubeconfig: join(stateDir, 'kubeconfig'),
    containerdSocket: join(stateDir, 'containerd.sock'),
    controlSocket: join(stateDir, 'init.sock'),
    launchConfig: launchConfigOf(name),
  };
}

export function stateDirOf(name: string): string {
  if (!/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(name)) {
    throw new Error(`"${name}" cannot name a cluster: use 1 to 20 lower-case letters, digits and dashes`);
  }
  return join(stateRoot, name);
}

export const cgroupOf = (name: string): string => `steward-${name}`;

export const launchConfigOf = (name: string): string => join(stateDirOf(name), 'launch.json');
