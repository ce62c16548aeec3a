import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { AGENT_LEASE } from '@steward/shared';
import {
  agentEntries,
  expositionOf,
  installationEntries,
  type MeasuredInstallation,
} from './collect/metrics/own-page.ts';
import type { AgentConfig } from './config.ts';
import { startHealthServer } from './health-server.ts';
import { loadClusterUid } from './identity/cluster-uid.ts';
import { IdentityStore } from './identity/identity-store.ts';
import type { KubeClient } from './kube/client.ts';
import { inClusterEndpoint, kubeconfigEndpoint, type KubeEndpoint } from './kube/transport/credentials.ts';
import { createKubeClient } from './kube/kube-api.ts';
import { Election } from './kube/lease.ts';
import { AgentStatus } from './link/agent-status.ts';
import { HubHttp } from './link/hub-http.ts';
import { HubLink } from './link/hub-link.ts';
import type { Link } from './link/link.ts';
import type { Log } from './log.ts';

/** What the reconciling half of the agent is given. It attaches itself to the link before it resolves. */
export interface PeerDependencies {
  kube: KubeClient;
  link: Link;
  config: AgentConfig;
  log: Log;
  signal: AbortSignal;
}
export interface Peer {
  /** What there is, for the agent's own page of metrics. */
  measured(): MeasuredInstallation[];
  stop(): Promise<void>;
}
export type StartPeer = (dependencies: PeerDependencies) => Promise<Peer>;

export interface AgentOptions {
  config: AgentConfig;
  log: Log;
  startPeer: StartPeer;
  signal: AbortSignal;
}

const RETRY_MS = 5_000;

/** The agent's life: wait for the lease, work until it is lost or the signal fires, give everything back. */
export async function runAgent({ config, log, startPeer, signal }: AgentOptions): Promise<void> {
  const kube = createKubeClient(endpointOf(config), { beforeChange: () => election.ensureHeld() });
  let link: HubLink | undefined;
  let peer: Peer | undefined;
  const health = await startHealthServer({
    host: config.healthHost,
    port: config.healthPort,
    readiness: () => ({
      isReady: link?.isConnected ?? false,
      message: link?.state.message ?? 'The agent waits for its lease, or for the API server.',
    }),
    metrics: () =>
      expositionOf([
        ...agentEntries(link?.isConnected ?? false),
        ...(peer?.measured() ?? []).flatMap((installation) => installationEntries(installation)),
      ]),
  });
  const election = new Election({ kube, namespace: config.namespace, name: AGENT_LEASE, holder: config.replica, log });
  try {
    while (!signal.aborted && (await election.acquire(signal))) {
      const term = new AbortController();
      const giveBack = new AbortController();
      const stop = (): void => term.abort();
      signal.addEventListener('abort', stop, { once: true });
      const holding = election.hold(giveBack.signal).then(stop);
      link = createLink({ config, kube, election, log });
      await work({ kube, link, config, log, signal: term.signal }, async (dependencies) => {
        peer = await startPeer(dependencies);
        return peer;
      });
      peer = undefined;
      signal.removeEventListener('abort', stop);
      giveBack.abort();
      await holding;
    }
  } finally {
    health.close();
    health.closeAllConnections();
    kube.close();
  }
}

/** One term of office. Ends when the signal fires, or when the peer could not be started (after a moment, to be tried again). */
async function work(dependencies: PeerDependencies & { link: HubLink }, startPeer: StartPeer): Promise<void> {
  const { link, log, signal } = dependencies;
  try {
    const peer = await startPeer(dependencies);
    link.start();
    if (!signal.aborted) await once(signal, 'abort');
    await peer.stop();
  } catch (error) {
    log.error('the agent could not start its work; trying again', { error });
    await delay(RETRY_MS, undefined, { signal }).catch(() => {});
  }
  await link.stop();
}

function createLink(parts: { config: AgentConfig; kube: KubeClient; election: Election; log: Log }): HubLink {
  const { config, kube, election, log } = parts;
  const { hubUrl, namespace } = config;
  const status = new AgentStatus({ kube, namespace, hub: hubUrl.origin, log });
  return new HubLink({
    http: new HubHttp({ hubUrl, caPem: config.hubCaPem, proxyEnv: config.proxyEnv }),
    store: new IdentityStore(kube, namespace),
    readToken: () => config.enrolmentToken()?.reveal(),
    loadClusterUid: (signal) => loadClusterUid(kube, namespace, signal),
    loadKubernetesVersion: () => kube.version(),
    mayDial: () => election.confirm(),
    status,
    log,
  });
}

function endpointOf(config: AgentConfig): KubeEndpoint {
  if (config.kubeconfig !== undefined) return kubeconfigEndpoint(config.kubeconfig);
  if (config.kubeAddress !== undefined) return inClusterEndpoint(config.kubeAddress);
  throw new Error('this is no pod and STEWARD_KUBECONFIG is not set: the agent does not know which cluster is its own');
}
