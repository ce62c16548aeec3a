import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { OperationSpan } from '@steward/shared';
import type { Logger } from 'pino';
import { CONFIG, type Config } from '../config.ts';
import { LOGGER } from '../log.ts';
import type { EndedOperation, TracedAgent } from './operation-spans.ts';
import { formatTraceparent, newTrace, type OperationTrace } from './trace-context.ts';

/** What is loaded only when there is a collector. */
interface Export {
  spans: typeof import('./operation-spans.ts');
  queue: import('./trace-export.ts').TraceExport;
}

/**
 * An operation is one trace: its root begins when the API accepts it, its ids are stored in the operation's row, and the root is sent when the
 * operation ends, by whichever replica sees that. Without a collector nothing is loaded, built or sent; the ids exist all the same.
 * Best effort: call {@link addAgentSpans} and {@link end} after the commit that made it so, once per result that was new. Neither waits or throws.
 */
@Injectable()
export class OperationTraces implements OnApplicationBootstrap, OnApplicationShutdown {
  #export: Export | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, 'otlpEndpoint'>,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const endpoint = this.config.otlpEndpoint;
    if (endpoint === undefined) return;
    const [spans, { TraceExport }] = await Promise.all([import('./operation-spans.ts'), import('./trace-export.ts')]);
    this.#export = { spans, queue: new TraceExport({ endpoint, log: this.log }) };
  }

  /** Not `beforeApplicationShutdown`: sessions end there, and their last results still have spans. */
  async onApplicationShutdown(): Promise<void> {
    await this.#export?.queue.stop();
  }

  /**
   * For an operation that the API accepts; to be stored in its row.
   * @param callerTraceparent the request's `traceparent` header, if any
   */
  begin(callerTraceparent?: string): OperationTrace {
    return newTrace(callerTraceparent);
  }

  /** The `tp` of frames about the operation; marked as sampled only when there is a collector. */
  traceparent(trace: OperationTrace): string {
    return formatTraceparent(trace, this.#export !== undefined);
  }

  addAgentSpans(trace: OperationTrace, agent: TracedAgent, spans: readonly OperationSpan[]): void {
    this.#export?.queue.add(this.#export.spans.agentSpans(trace, agent, spans));
  }

  /** The operation has reached a final state. */
  end(trace: OperationTrace, operation: EndedOperation): void {
    this.#export?.queue.add([this.#export.spans.rootSpan(trace, operation)]);
  }
}
