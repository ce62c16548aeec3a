import type { AgentFrameOf, DesiredState, HubFrameOf, MetricSeries } from '@steward/shared';

type Body<T extends { b: unknown }> = T['b'];
export type HealthReport = Body<AgentFrameOf<'health'>>;
export type ObservedReport = Body<AgentFrameOf<'observed'>>;
export type ResultRecord = Body<AgentFrameOf<'result'>>;
export type EventRecord = Body<AgentFrameOf<'event'>>;
export type CancelRequest = Body<HubFrameOf<'operation.cancel'>>;

/** What there was to measure of one installation at one moment, all of it: the series of a table in its order, NaN where there was no number. */
export interface MetricsLook {
  installationId: string;
  table: string;
  series: MetricSeries[];
  t0: string;
  values: readonly number[];
}

/**
 * The side of the agent that the link speaks for. All methods are called one at a time and must return at once
 * from what is in memory; what takes time is started, not awaited.
 */
export interface LinkPeer {
  /** For `hello`. */
  summary(): {
    installations: { id: string; generation: number; observedGeneration: number }[];
    unfinishedOperations: string[];
  };
  /** For the heartbeat: the newest revision of the reports and a hash over both of them in full ({@link reportHash}). */
  reportState(): { revision: number; hash: string };
  /** Both reports of all there is, for a new session and for when the hub's view differs; health `full` when nobody has still to tell his. */
  fullReports(): { health: HealthReport; observed: ObservedReport };
  /** Every transition above its operation's acked revision, oldest first. Asked after each welcome. */
  unackedResults(): ResultRecord[];
  /** Everything of this operation up to this revision is committed on the hub. */
  onResultAcked(operationId: string, revision: number): void;
  /** May arrive many times. */
  onDesired(desired: DesiredState, context: { traceparent: string | undefined }): void;
  onCancel(cancel: CancelRequest): void;
}

/**
 * What the rest of the agent sees of the hub. Nothing here waits for a connection: what is said while there is none is
 * said again, from the peer, after the next welcome; events wait in a bounded queue.
 */
export interface Link {
  /** Whom the link speaks for. Once, before `start`. */
  attach(peer: LinkPeer): void;
  /** Keyed changes since the last report; changes not yet sent are merged, the latest wins. */
  reportHealth(report: HealthReport): void;
  reportObserved(report: ObservedReport): void;
  /** A transition that has been written to its Operation object before. In order per operation. */
  sendResult(result: ResultRecord): void;
  sendEvent(event: EventRecord): void;
  /** Waits in a bounded queue; what is dropped is told as one event `gap`. */
  sendMetrics(look: MetricsLook): void;
  /**
   * Downloads by HTTPS with the agent's identity, bounded in size and time; the digest is checked here too.
   * @throws DownloadError with a sentence that says why, and whether to try again
   */
  fetchRelease(digest: string, signal: AbortSignal): Promise<Uint8Array>;
  fetchChart(digest: string, signal: AbortSignal): Promise<Uint8Array>;
  readonly isConnected: boolean;
  start(): void;
  /** Closes the connection and resolves when nothing of the link runs any more. Safe twice. */
  stop(): Promise<void>;
}

/** A release or chart that could not be had. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
  /** Whether the same request may succeed later by itself. */
  readonly isTransient: boolean;
  /** Why what needs it cannot go on, unless it is transient. */
  readonly reason: 'digest-mismatch' | 'too-large' | 'chart-unavailable';

  constructor(
    message: string,
    isTransient: boolean,
    options: ErrorOptions & { reason?: DownloadError['reason'] } = {},
  ) {
    super(message, options);
    this.isTransient = isTransient;
    this.reason = options.reason ?? 'digest-mismatch';
  }
}
