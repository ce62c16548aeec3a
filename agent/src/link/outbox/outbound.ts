import { encodeFrame, LIMITS, METRICS_FEATURE, type AgentFrame, type HubFrameOf } from '@steward/shared';
import type { EventRecord, HealthReport, LinkPeer, MetricsLook, ObservedReport, ResultRecord } from '../link.ts';
import { MetricsOutbox } from './metrics-outbox.ts';
import { Outbox } from './outbox.ts';

/** Where frames go: one connection. */
export interface Wire {
  send(text: string, sent: () => void): void;
  bufferedBytes(): number;
}

type Welcome = HubFrameOf<'welcome'>['b'];

/** Above this in the socket, data waits here, so that an ack or a heartbeat never stands behind megabytes. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/**
 * The direction to the hub. Lanes, the first that has something goes first: control, what runs, results, health, events, metrics. So
 * the hub knows what runs before it hears how an operation ended, and what is pushed then is for what runs. A heartbeat, with which each
 * connection begins, takes all reports along. While there is no welcomed connection only events and metrics are kept; the rest is asked
 * from the peer again.
 */
export class Outbound {
  readonly #peer: () => LinkPeer;
  readonly #events: Outbox;
  readonly #metrics = new MetricsOutbox();
  readonly #resultStream: string;
  readonly #eventStream: string;
  readonly #metricsStream: string;
  /** Whether the hub stores metrics, as the last one said; until one has spoken, it may. */
  #areMetricsTaken = true;
  #wire: Wire | undefined;
  #results: { sequence: number; result: ResultRecord }[] = [];
  #unsentResults = 0;
  #nextResult = 1;
  #sentEvents = 0;
  #health: HealthReport | undefined;
  #observed: ObservedReport | undefined;
  #isFlushPlanned = false;

  constructor(incarnation: string, peer: () => LinkPeer, events: Outbox = new Outbox()) {
    this.#peer = peer;
    this.#events = events;
    this.#resultStream = `results.${incarnation}`;
    this.#eventStream = `events.${incarnation}`;
    this.#metricsStream = `metrics.${incarnation}`;
  }

  /** The hub welcomed this connection: take up where its cursors say. */
  open(wire: Wire, welcome: Welcome): void {
    this.#wire = wire;
    this.#takeFullReports();
    this.#nextResult = (welcome.cursors[this.#resultStream] ?? 0) + 1;
    this.#results = [];
    this.#unsentResults = 0;
    for (const result of this.#peer().unackedResults()) this.#queueResult(result);
    const committed = welcome.cursors[this.#eventStream] ?? 0;
    this.#events.ack(committed);
    this.#sentEvents = committed;
    this.#areMetricsTaken = welcome.features.includes(METRICS_FEATURE);
    this.#metrics.open(this.#areMetricsTaken ? (welcome.cursors[this.#metricsStream] ?? 0) : Number.MAX_SAFE_INTEGER);
    this.#tellLostMetrics();
    this.heartbeat();
    this.#flush();
  }

  /** The connection is gone. */
  close(): void {
    this.#wire = undefined;
    this.#results = [];
    this.#unsentResults = 0;
    this.#health = undefined;
    this.#observed = undefined;
  }

  heartbeat(): void {
    // Its hash is over what has been sent.
    this.#sendObserved();
    this.#sendHealth();
    const { revision, hash } = this.#peer().reportState();
    this.control({ t: 'heartbeat', b: { revision, hash, clock: new Date().toISOString() } });
  }

  /** Goes out at once. */
  control(frame: AgentFrame): void {
    this.#wire?.send(encodeFrame(frame), () => this.#flush());
  }

  /** The hub's view differs: send all of it. */
  resync(): void {
    if (!this.#wire) return;
    this.#takeFullReports();
    this.#planFlush();
  }

  /** Also of nothing: what the hub has of an earlier session may be of what is not there any more. */
  #takeFullReports(): void {
    const { health, observed } = this.#peer().fullReports();
    this.#health = health;
    this.#observed = observed;
  }

  reportHealth(report: HealthReport): void {
    if (!this.#wire) return;
    this.#health = mergeReports(this.#health, report);
    this.#planFlush();
  }

  reportObserved(report: ObservedReport): void {
    if (!this.#wire) return;
    this.#observed = mergeReports(this.#observed, report);
    this.#planFlush();
  }

  sendResult(result: ResultRecord): void {
    if (!this.#wire) return;
    this.#queueResult(result);
    this.#planFlush();
  }

  sendEvent(event: EventRecord): void {
    this.#events.add(event);
    this.#planFlush();
  }

  sendMetrics(look: MetricsLook): void {
    if (!this.#areMetricsTaken) return;
    this.#metrics.add(look);
    this.#planFlush();
  }

  onAck(stream: string, upTo: number): void {
    if (stream === this.#eventStream) this.#events.ack(upTo);
    if (stream === this.#metricsStream) {
      this.#metrics.ack(upTo);
      this.#tellLostMetrics();
    }
    if (stream === this.#resultStream) this.#ackResults(upTo);
    this.#flush();
  }

  #ackResults(upTo: number): void {
    const acked = this.#results.filter(({ sequence }) => sequence <= upTo);
    this.#results = this.#results.filter(({ sequence }) => sequence > upTo);
    this.#unsentResults = Math.min(this.#unsentResults, this.#results.length);
    const revisions = new Map<string, number>();
    for (const { result } of acked) revisions.set(result.operationId, result.revision);
    for (const [operationId, revision] of revisions) this.#peer().onResultAcked(operationId, revision);
  }

  #queueResult(result: ResultRecord): void {
    this.#results.push({ sequence: this.#nextResult, result });
    this.#nextResult += 1;
    this.#unsentResults += 1;
  }

  /** Changes of one moment go out together. */
  #planFlush(): void {
    if (this.#isFlushPlanned || !this.#wire) return;
    this.#isFlushPlanned = true;
    setImmediate(() => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#wire && this.#wire.bufferedBytes() < MAX_BUFFERED_BYTES) {
      const frame = this.#nextFrame();
      if (!frame) return;
      this.#wire.send(frame, () => this.#flush());
    }
  }

  #nextFrame(): string | undefined {
    this.#sendObserved();
    const next = this.#unsentResults > 0 ? this.#results.at(-this.#unsentResults) : undefined;
    if (next) {
      this.#unsentResults -= 1;
      return encodeResult(this.#resultStream, next.sequence, next.result);
    }
    this.#sendHealth();
    const [entry] = this.#events.after(this.#sentEvents);
    if (!entry) return this.#nextMetrics();
    this.#sentEvents = entry.sequence;
    return encodeFrame({ t: 'event', s: this.#eventStream, q: entry.sequence, b: entry.event });
  }

  #nextMetrics(): string | undefined {
    const next = this.#metrics.next();
    return next && encodeFrame({ t: 'metrics', s: this.#metricsStream, q: next.sequence, b: next.body });
  }

  #tellLostMetrics(): void {
    const lost = this.#metrics.takeLost();
    if (lost === 0) return;
    const message = `${lost} looks at metrics were dropped while the hub was away`;
    this.#events.add({ kind: 'gap', message, lost, at: new Date().toISOString() });
  }

  #sendObserved(): void {
    const observed = this.#observed;
    this.#observed = undefined;
    if (observed) for (const b of inFrames(observed)) this.control({ t: 'observed', b });
  }

  #sendHealth(): void {
    const health = this.#health;
    this.#health = undefined;
    if (health) for (const b of inFrames(health)) this.control({ t: 'health', b });
  }
}

/** Of one report; far below what a frame may have. */
const MAX_REPORT_BYTES = 256 * 1024;

/**
 * A report in as many frames as it needs: the first replaces what it is to replace, the others add to it. One of its entries
 * always fits.
 */
export function inFrames<V, R extends KeyedReport<V>>(report: R): R[] {
  const frames: R[] = [];
  let set: Record<string, V> = {};
  let bytes = 0;
  const end = (): void => {
    const isFirst = frames.length === 0;
    frames.push({ ...report, full: report.full && isFirst, set, delete: isFirst ? report.delete : [] });
    set = {};
    bytes = 0;
  };
  for (const [key, value] of Object.entries(report.set)) {
    const size = Buffer.byteLength(JSON.stringify(value)) + key.length;
    if (bytes > 0 && bytes + size > MAX_REPORT_BYTES) end();
    set[key] = value;
    bytes += size;
  }
  end();
  const [first, ...rest] = frames;
  return first && report.full && rest.length > 0 ? [{ ...first, keep: Object.keys(report.set) }, ...rest] : frames;
}

interface KeyedReport<V> {
  revision: number;
  full: boolean;
  set: Record<string, V>;
  delete: string[];
}

/** The later one wins, key by key; after a full one the result is full. */
export function mergeReports<V, R extends KeyedReport<V>>(earlier: R | undefined, later: R): R {
  if (!earlier || later.full) return later;
  const gone = new Set(later.delete);
  const kept = Object.entries(earlier.set).filter(([key]) => !gone.has(key));
  const deleted = [...earlier.delete.filter((key) => !(key in later.set)), ...later.delete];
  return {
    ...later,
    full: earlier.full,
    set: { ...Object.fromEntries(kept), ...later.set },
    delete: earlier.full ? [] : [...new Set(deleted)],
  };
}

/** A result always fits a frame: details that only help to understand it go before the result itself does. */
function encodeResult(stream: string, sequence: number, result: ResultRecord): string {
  const encode = (b: ResultRecord): string => encodeFrame({ t: 'result', s: stream, q: sequence, b });
  const text = encode(result);
  if (Buffer.byteLength(text) <= LIMITS.maxFrameBytes) return text;
  const { spans: _spans, ...withoutSpans } = result;
  if (!result.plan) return encode(withoutSpans);
  const changes = result.plan.changes.map(({ action, object }) => ({ action, object }));
  return encode({ ...withoutSpans, plan: { ...result.plan, changes } });
}
