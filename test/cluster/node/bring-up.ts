import { access, constants, copyFile, link, rm, stat, writeFile } from 'node:fs/promises';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { importArchive } from '../image/import.ts';
import { buildProgram, kubeProgram, type Log } from '../programs/programs.ts';
import { runCommand } from '../programs/run-command.ts';
import { writeCertificates } from './certificates.ts';
import { applyClusterObjects } from './cluster-objects.ts';
import { writeComponentFiles } from './component-files.ts';
import { componentsOf } from './components.ts';
import { kubeClient, type KubeClient } from './kube-client.ts';
import { apiServiceAddress, linkPrefixBits, podCidr, type Layout } from './layout.ts';
import { isReadySince, runningSince } from './statuses.ts';
import { waitUntil, type WaitOptions } from './wait-until.ts';

export interface Programs {
  kube: string;
  coredns: string;
  nodeInit: string;
}

export async function buildPrograms(log: Log, signal: AbortSignal | undefined): Promise<Programs> {
  // One after the other: each keeps all cores busy, and the progress lines stay true.
  const kube = await buildProgram(kubeProgram(), log, signal);
  const coredns = await buildProgram('coredns', log, signal);
  return { kube, coredns, nodeInit: await buildProgram('node-init', log, signal) };
}

/** Fills the state folder, in which a halted cluster's data may be, and starts process 1, which starts the components. */
export async function launch(layout: Layout, programs: Programs): Promise<void> {
  await placeBinary(programs.kube, join(layout.stateDir, 'bin', 'kube'));
  await placeBinary(programs.coredns, join(layout.stateDir, 'bin', 'coredns'));
  const nodeInit = join(layout.stateDir, 'bin', 'node-init');
  await placeBinary(programs.nodeInit, nodeInit);
  await writeCertificates(layout, nodeInit);
  await writeComponentFiles(layout);
  const { stateDir, cgroup, hostLink, hostAddress, nodeAddress } = layout;
  const config = {
    hostname: layout.nodeName,
    stateDir,
    cgroup,
    hostLink,
    hostAddress,
    nodeAddress,
    prefixBits: linkPrefixBits,
    podCidr,
    sysctls: { 'net/ipv4/ip_forward': '1' },
    shownAs: kernelSettings,
    components: componentsOf(layout, await findContainerd()),
  };
  await writeFile(layout.launchConfig, JSON.stringify(config, undefined, 2));
  await runCommand([nodeInit, 'launch', layout.launchConfig]);
}

/** What the kubelet sets for the whole machine: shown to it as already so (see go/node-init/mounts.go). */
const kernelSettings: Record<string, string> = {
  '/proc/sys/vm/overcommit_memory': '1',
  '/proc/sys/vm/panic_on_oom': '0',
  '/proc/sys/kernel/panic': '10',
  '/proc/sys/kernel/panic_on_oops': '1',
  '/proc/sys/kernel/keys/root_maxkeys': '1000000',
  '/proc/sys/kernel/keys/root_maxbytes': '25000000',
};

/** A running cluster keeps its binaries when the cache is emptied or renewed. */
async function placeBinary(from: string, to: string): Promise<void> {
  // Copying over a link to another version would change that version in the cache.
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}

async function findContainerd(): Promise<string> {
  for (const folder of ['/usr/bin', '/usr/local/bin', '/bin', '/usr/sbin']) {
    const path = join(folder, 'containerd');
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new Error(
    'containerd is in none of /usr/bin, /usr/local/bin, /bin, /usr/sbin: install it (Debian: containerd)',
  );
}

/** Makes a just launched node a usable cluster; safe to repeat when the program that began it was killed. */
export async function settle(layout: Layout, pauseArchive: string, limit: WaitOptions): Promise<void> {
  const client = await kubeClient(layout);
  const pauseReady = waitUntil(
    'the container runtime to take the pause image',
    () => importArchive(layout, pauseArchive).then(() => true),
    limit,
  );
  const objectsReady = waitUntil('the API server to start', () => isOk(client, '/readyz'), limit).then(() =>
    waitUntil('the cluster objects to be accepted', () => applyClusterObjects(client, layout).then(() => true), limit),
  );
  await Promise.all([pauseReady, objectsReady]);
  await waitUntilUsable(layout, limit);
  await writeFile(settledMark(layout), '');
}

/** Whether the cluster has been usable since it was last launched. */
export async function isSettled(layout: Layout): Promise<boolean> {
  const at = await timeOf(settledMark(layout));
  return at !== undefined && at >= ((await timeOf(layout.launchConfig)) ?? Infinity);
}

/** Whether the cluster was usable once, so that there is something to go on with. */
export async function hasData(layout: Layout): Promise<boolean> {
  return (await timeOf(settledMark(layout))) !== undefined;
}

const settledMark = (layout: Layout): string => join(layout.stateDir, 'settled');

async function timeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}

/** Resolves when no pod is said to run that ran before the node was launched: until then a halted cluster's are. */
export async function waitUntilPodsAreSeen(layout: Layout, signal: AbortSignal): Promise<void> {
  const client = await kubeClient(layout);
  const pods = `/api/v1/pods?fieldSelector=spec.nodeName=${layout.nodeName}`;
  const launchedAt = (await timeOf(layout.launchConfig)) ?? 0;
  const areSeen = async (): Promise<boolean> =>
    runningSince((await client.get(pods)) ?? '').every((since) => since >= wholeSecond(launchedAt));
  await waitUntil('the pods to be looked after', areSeen, { timeoutMs: 20_000, signal });
}

/** Statuses in Kubernetes have no finer times. */
const wholeSecond = (timeMs: number): number => Math.floor(timeMs / 1000) * 1000;

/** Resolves when pods can run: node ready, names answered, services routed, accounts and the storage class there. */
export async function waitUntilUsable(layout: Layout, limit: WaitOptions): Promise<void> {
  const client = await kubeClient(layout);
  const launchedAt = wholeSecond((await timeOf(layout.launchConfig)) ?? 0);
  const node = `/api/v1/nodes/${layout.nodeName}`;
  const proxyHealth = `http://${layout.nodeAddress}:10256/healthz`;
  await waitUntil('the API server to be ready', () => isOk(client, '/readyz'), limit);
  await Promise.all([
    waitUntil('the node to be ready', async () => isReadySince(await client.get(node), launchedAt), limit),
    waitUntil('the cluster DNS to answer', () => isNameAnswered(layout), limit),
    waitUntil(
      'services to be routed',
      () => fetch(proxyHealth, { signal: AbortSignal.timeout(1000) }).then(isGood),
      limit,
    ),
    waitUntil(
      'the default service account',
      () => isThere(client, '/api/v1/namespaces/default/serviceaccounts/default'),
      limit,
    ),
    waitUntil(
      'the cluster authority',
      () => isThere(client, '/api/v1/namespaces/default/configmaps/kube-root-ca.crt'),
      limit,
    ),
    waitUntil('the storage class', () => isThere(client, '/apis/storage.k8s.io/v1/storageclasses/standard'), limit),
  ]);
}

async function isGood(response: Response): Promise<boolean> {
  await response.arrayBuffer();
  return response.ok;
}

const isOk = async (client: KubeClient, path: string): Promise<boolean> => (await client.get(path)) === 'ok';

const isThere = async (client: KubeClient, path: string): Promise<boolean> => (await client.get(path)) !== undefined;

async function isNameAnswered(layout: Layout): Promise<boolean> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([layout.nodeAddress]);
  const addresses = await resolver.resolve4('kubernetes.default.svc.cluster.local');
  return addresses.includes(apiServiceAddress);
}
