import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';

const MAX_QUEUED_SPANS = 2_048;
const MAX_BATCH_SPANS = 256;
const BATCH_DELAY_MS = 1_000;
/** One batch, with its retries. */
const EXPORT_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 3_000;
const LOG_INTERVAL_MS = 60_000;

export interface TraceExportOptions {
  /** Of the collector, without `/v1/traces`. */
  endpoint: string;
  log: Logger;
  now?: () => number;
}

/** Finished spans on their way to a collector: a bounded queue, sent in batches by OTLP over HTTP. Nobody waits for it; what does not fit is lost and counted. */
export class TraceExport {
  readonly #endpoint: string;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #processor: BatchSpanProcessor;
  #queued = 0;
  #lost = 0;
  #loggedAt = -Infinity;
  #stopping: Promise<void> | undefined;

  constructor({ endpoint, log, now = Date.now }: TraceExportOptions) {
    this.#endpoint = endpoint;
    this.#log = log;
    this.#now = now;
    const exporter = new OTLPTraceExporter({
      url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
      timeoutMillis: EXPORT_TIMEOUT_MS,
      // The exporter's own timeout begins only when there is a connection.
      httpAgentOptions: { keepAlive: true, timeout: EXPORT_TIMEOUT_MS },
    });
    this.#processor = new BatchSpanProcessor(this.#watched(exporter), {
      maxQueueSize: MAX_QUEUED_SPANS,
      maxExportBatchSize: MAX_BATCH_SPANS,
      scheduledDelayMillis: BATCH_DELAY_MS,
      exportTimeoutMillis: 2 * EXPORT_TIMEOUT_MS,
    });
  }

  /** Never throws, never waits. Ignored after {@link stop}. */
  add(spans: readonly ReadableSpan[]): void {
    if (this.#stopping) return;
    for (const span of spans) {
      if (this.#queued >= MAX_QUEUED_SPANS) {
        this.#reportLoss(1, new Error(`${MAX_QUEUED_SPANS} spans wait already`));
        continue;
      }
      this.#queued += 1;
      this.#processor.onEnd(span);
    }
  }

  /** Sends what waits, for a few seconds at most. Safe twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#flush();
    return this.#stopping;
  }

  async #flush(): Promise<void> {
    const { promise: tooLate, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STOP_TIMEOUT_MS);
    // A failed batch has been reported where it failed.
    await Promise.race([this.#processor.shutdown().catch(() => undefined), tooLate]);
    clearTimeout(timer);
  }

  #watched(exporter: OTLPTraceExporter): SpanExporter {
    return {
      export: (spans, done) => {
        this.#queued -= spans.length;
        exporter.export(spans, (result) => {
          if (result.error) this.#reportLoss(spans.length, result.error);
          done(result);
        });
      },
      forceFlush: () => exporter.forceFlush(),
      shutdown: () => exporter.shutdown(),
    };
  }

  #reportLoss(count: number, error: Error): void {
    this.#lost += count;
    const now = this.#now();
    if (now - this.#loggedAt < LOG_INTERVAL_MS) return;
    this.#log.warn(
      { err: error, lostSpans: this.#lost, endpoint: new URL(this.#endpoint).host },
      'traces do not reach the collector; check OTEL_EXPORTER_OTLP_ENDPOINT. Operations go on without',
    );
    this.#loggedAt = now;
    this.#lost = 0;
  }
}
