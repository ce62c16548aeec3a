import { randomUUID } from 'node:crypto';
import { reportHash, type DesiredState } from '@steward/shared';
import { IdentityStore } from '../identity/identity-store.ts';
import type { KubeClient } from '../kube/client.ts';
import type { ReconnectPolicy } from '../link/session/backoff.ts';
import { HubHttp, type HubHttpOptions } from '../link/hub-http.ts';
import { HubLink, type HubLinkOptions, type LinkState } from '../link/hub-link.ts';
import type { CancelRequest, HealthReport, LinkPeer, ObservedReport, ResultRecord } from '../link/link.ts';
import { createLog } from '../log.ts';

export const INSTALLATION_ID = '22222222-2222-4222-8222-222222222222';

/** What the agent would say, kept in plain fields. */
export class TestPeer implements LinkPeer {
  health: HealthReport['set'] = {};
  observed: ObservedReport['set'] = {};
  revision = 0;
  results: ResultRecord[] = [];
  readonly acked: string[] = [];
  readonly desired: { state: DesiredState; traceparent: string | undefined }[] = [];
  readonly cancelled: CancelRequest[] = [];

  summary(): ReturnType<LinkPeer['summary']> {
    return {
      installations: [{ id: INSTALLATION_ID, generation: 3, observedGeneration: 2 }],
      unfinishedOperations: this.results.map(({ operationId }) => operationId),
    };
  }
  reportState(): { revision: number; hash: string } {
    return { revision: this.revision, hash: reportHash({ health: this.health, observed: this.observed }) };
  }
  fullReports(): { health: HealthReport; observed: ObservedReport } {
    const common = { revision: this.revision, full: true, delete: [] };
    return { health: { ...common, set: this.health }, observed: { ...common, set: this.observed } };
  }
  unackedResults(): ResultRecord[] {
    return this.results;
  }
  onResultAcked(operationId: string, revision: number): void {
    this.acked.push(`${operationId} ${revision}`);
    this.results = this.results.filter((result) => result.operationId !== operationId || result.revision > revision);
  }
  onDesired(state: DesiredState, { traceparent }: { traceparent: string | undefined }): void {
    this.desired.push({ state, traceparent });
  }
  onCancel(cancel: CancelRequest): void {
    this.cancelled.push(cancel);
  }
}

/** Fast enough for tests. */
export const FAST_POLICY: ReconnectPolicy = {
  firstSpreadMs: 20,
  initialLimitMs: 20,
  maxLimitMs: 50,
  healthyMs: 60_000,
  slowMinMs: 300,
  slowMaxMs: 400,
};

export interface TestLink {
  link: HubLink;
  peer: TestPeer;
  states: LinkState[];
  logged: string[];
}

export function createTestLink(
  hubUrl: URL,
  kube: KubeClient,
  change: Partial<HubLinkOptions> & Partial<HubHttpOptions> = {},
): TestLink {
  const states: LinkState[] = [];
  const logged: string[] = [];
  const peer = new TestPeer();
  const { caPem, proxyEnv = {}, ...options } = change;
  const link = new HubLink({
    http: new HubHttp({ hubUrl, caPem, proxyEnv }),
    store: new IdentityStore(kube, 'ns'),
    readToken: () => 'a-token-that-is-long-enough',
    loadClusterUid: () => Promise.resolve('cluster-uid'),
    loadKubernetesVersion: () => Promise.resolve('v1.36.3'),
    mayDial: () => Promise.resolve(true),
    status: { update: (state) => void states.push(state), stop: () => Promise.resolve() },
    log: createLog({ level: 'debug', write: (line) => void logged.push(line) }),
    policy: FAST_POLICY,
    timings: { handshakeTimeoutMs: 2_000, silenceTimeoutMs: 60_000 },
    ...options,
  });
  link.attach(peer);
  return { link, peer, states, logged };
}

export function resultOf(revision: number, operationId: string = randomUUID()): ResultRecord {
  return {
    operationId,
    installationId: INSTALLATION_ID,
    revision,
    state: 'running',
    phase: 'apply',
    message: `step ${revision}`,
    at: new Date().toISOString(),
  };
}
