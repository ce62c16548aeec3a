import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FEATURES, LIMITS, PRODUCT_VERSION, type AgentFrameOf } from '@steward/shared';
import { HubAccess, type HubAccessOptions } from '../identity/hub-access.ts';
import type { Log } from '../log.ts';
import { Backoff, RECONNECT_POLICY, type ReconnectPolicy } from './session/backoff.ts';
import { CONNECTION_TIMINGS, type ConnectionTimings } from './session/connection.ts';
import { downloadChart, downloadRelease } from './download.ts';
import { DownloadError } from './link.ts';
import type { EventRecord, HealthReport, Link, LinkPeer, MetricsLook, ObservedReport, ResultRecord } from './link.ts';
import { Outbound } from './outbox/outbound.ts';
import { runSession, type SessionEnd } from './session/session.ts';
import { verdictOnPreparation, verdictOnSession, type Verdict } from './session/verdict.ts';

/** Whether there is a connection, in a sentence: since when, or why not and what to do. */
export interface LinkState {
  isConnected: boolean;
  message: string;
  clusterName: string;
  kubernetesVersion: string;
  /** This machine's clock minus the hub's, as measured at the last welcome. */
  clockSkewMs: number | undefined;
}

/** Where the state is shown. */
export interface StateSink {
  update(state: LinkState): void;
  /** Resolves when the last state is shown, or cannot be. */
  stop(): Promise<void>;
}

export interface HubLinkOptions extends HubAccessOptions {
  /** Asked before dialling again after another session took over: whether this replica is still the one that dials. */
  mayDial: () => Promise<boolean>;
  status: StateSink;
  log: Log;
  policy?: ReconnectPolicy;
  timings?: ConnectionTimings;
  random?: () => number;
}

const SKEW_WARNING_MS = 60_000;

/** Keeps a connection to the hub, for ever: enrols when there is no identity yet, dials, and comes back after every end. */
export class HubLink implements Link {
  readonly #options: HubLinkOptions;
  readonly #access: HubAccess;
  readonly #outbound: Outbound;
  readonly #backoff: Backoff;
  readonly #incarnation = randomUUID();
  readonly #stopping = new AbortController();
  #peer: LinkPeer | undefined;
  #running: Promise<void> | undefined;
  #state: LinkState = {
    isConnected: false,
    message: 'The agent is starting.',
    clusterName: '',
    kubernetesVersion: '',
    clockSkewMs: undefined,
  };

  constructor(options: HubLinkOptions) {
    this.#options = options;
    this.#access = new HubAccess(options);
    this.#outbound = new Outbound(this.#incarnation, () => this.#requirePeer());
    this.#backoff = new Backoff(options.policy ?? RECONNECT_POLICY, options.random);
  }

  attach(peer: LinkPeer): void {
    if (this.#peer) throw new Error('the link speaks for one peer');
    this.#peer = peer;
  }

  get isConnected(): boolean {
    return this.#state.isConnected;
  }

  get state(): LinkState {
    return this.#state;
  }

  start(): void {
    this.#requirePeer();
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#options.status.stop();
    this.#options.http.close();
  }

  reportHealth(report: HealthReport): void {
    this.#outbound.reportHealth(report);
  }

  reportObserved(report: ObservedReport): void {
    this.#outbound.reportObserved(report);
  }

  sendResult(result: ResultRecord): void {
    this.#outbound.sendResult(result);
  }

  sendEvent(event: EventRecord): void {
    this.#outbound.sendEvent(event);
  }

  sendMetrics(look: MetricsLook): void {
    this.#outbound.sendMetrics(look);
  }

  async fetchRelease(digest: string, signal: AbortSignal): Promise<Uint8Array> {
    return downloadRelease({ http: this.#options.http, token: this.#token(), digest, signal });
  }

  async fetchChart(digest: string, signal: AbortSignal): Promise<Uint8Array> {
    return downloadChart({ http: this.#options.http, token: this.#token(), digest, signal });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { log, mayDial } = this.#options;
    let wasReplaced = false;
    while (!signal.aborted) {
      const mayTry = !wasReplaced || (await mayDial().catch(() => false));
      const verdict: Verdict = mayTry ? await this.#attempt().catch(verdictOnError) : STAND_BY;
      if (signal.aborted) break;
      wasReplaced = verdict.wasReplaced === true;
      if (verdict.isIdentityRefused === true && this.#access.identityRefused()) continue;
      const delayMs = Math.round(this.#backoff.nextDelayMs(verdict));
      this.#setState({ isConnected: false, message: verdict.message });
      log.warn('not connected to the hub', { reason: verdict.message, nextAttemptMs: delayMs });
      await delay(delayMs, undefined, { signal }).catch(() => {});
    }
    this.#setState({ isConnected: false, message: 'The agent was stopped.' });
  }

  async #attempt(): Promise<Verdict> {
    const { http, log } = this.#options;
    const where = { hub: http.hubUrl.host, proxy: http.proxyHost };
    const prepared = await this.#access.prepare(this.#stopping.signal);
    if (!prepared.ok) return verdictOnPreparation(prepared, where);
    if (prepared.isNew) log.info('enrolled', { hub: where.hub, cluster: this.#access.clusterName });
    const first = await this.#session();
    // Our clock is off: take the hub's, once, and at once.
    const isCorrected =
      first.connection.kind === 'refused' && this.#access.isClockCorrectedBy(first.connection.refusal);
    return verdictOnSession(isCorrected ? await this.#session() : first, where);
  }

  #session(): Promise<SessionEnd> {
    const { http, log, timings = CONNECTION_TIMINGS } = this.#options;
    const peer = this.#requirePeer();
    const hub = http.hubUrl.host;
    return runSession({
      http,
      token: this.#token(),
      timings,
      outbound: this.#outbound,
      peer,
      hello: this.#hello(peer),
      log,
      signal: this.#stopping.signal,
      onWelcome: (welcome, clockSkewMs) => {
        log.info('connected', { hub, epoch: welcome.epoch, clockSkewMs });
        const since = new Date().toISOString();
        const message = `Connected to ${hub} as cluster ${this.#access.clusterName} since ${since}.`;
        this.#setState({ isConnected: true, message: message + skewWarning(clockSkewMs), clockSkewMs });
      },
    });
  }

  #hello(peer: LinkPeer): AgentFrameOf<'hello'>['b'] {
    const { installations, unfinishedOperations } = peer.summary();
    return {
      agentVersion: PRODUCT_VERSION,
      features: [...FEATURES],
      kubernetesVersion: this.#access.kubernetesVersion,
      clusterUid: this.#access.clusterUid,
      incarnation: this.#incarnation,
      clock: new Date().toISOString(),
      installations: installations.slice(0, LIMITS.maxNamedInHello),
      unfinishedOperations: unfinishedOperations.slice(0, LIMITS.maxNamedInHello),
    };
  }

  /** @throws DownloadError before there is an identity */
  #token(): string {
    const token = this.#access.token();
    if (token === undefined) throw new DownloadError('the agent is not enrolled yet', true);
    return token;
  }

  #requirePeer(): LinkPeer {
    if (!this.#peer) throw new Error('the link has nobody to speak for: attach first');
    return this.#peer;
  }

  #setState(change: Partial<LinkState> & Pick<LinkState, 'isConnected' | 'message'>): void {
    const { clusterName, kubernetesVersion } = this.#access;
    this.#state = { ...this.#state, clusterName, kubernetesVersion, ...change };
    this.#options.status.update(this.#state);
  }
}

const STAND_BY: Verdict = {
  message: 'Another replica of this agent holds the Lease and keeps the connection.',
  isSlow: false,
  connectedMs: undefined,
  wasReplaced: true,
};

/** Something in the cluster, not the hub, stood in the way. */
function verdictOnError(error: unknown): Verdict {
  const message = error instanceof Error ? error.message : String(error);
  return { message: `The agent could not prepare to connect: ${message}`, isSlow: false, connectedMs: undefined };
}

function skewWarning(skewMs: number): string {
  if (Math.abs(skewMs) <= SKEW_WARNING_MS) return '';
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  return ` This node's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${direction} the hub's: check its time synchronization.`;
}
