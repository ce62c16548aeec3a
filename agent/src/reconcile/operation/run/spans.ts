import { randomBytes } from 'node:crypto';
import type { OperationSpan } from '@steward/shared';

const MAX_SPANS = 50;

/** The finished pieces of one operation's work, as children of the span the hub sent it with. */
export class Spans {
  readonly #parent: string | undefined;
  readonly #spans: OperationSpan[];

  /** @param earlier what was written down before a restart */
  constructor(traceparent: string | undefined, earlier: readonly OperationSpan[]) {
    this.#parent = traceparent?.split('-')[2];
    this.#spans = [...earlier];
  }

  /** Starts one; calling what it returns ends it. */
  start(name: string): (error?: string) => void {
    const startMs = Date.now();
    return (error) => {
      if (this.#spans.length >= MAX_SPANS) return;
      this.#spans.push({
        name: `agent.${name}`,
        spanId: randomBytes(8).toString('hex'),
        ...(this.#parent !== undefined && { parentSpanId: this.#parent }),
        startMs,
        endMs: Date.now(),
        ...(error !== undefined && { error: error.slice(0, 1_000) }),
      });
    };
  }

  all(): OperationSpan[] {
    return [...this.#spans];
  }
}
