import { randomUUID } from 'node:crypto';
import type { AgentFrameOf } from '@steward/shared';

export type RecordFrame = AgentFrameOf<'result' | 'event' | 'metrics'>;

/** An agent's record streams: their names, their sequences, and what no ack has covered yet. */
export class FakeStreams {
  /** New with each process of the agent; part of the streams' names. */
  incarnation = randomUUID();
  unacked: RecordFrame[] = [];
  readonly #sequences = new Map<string, number>();

  next(stream: 'results' | 'events' | 'metrics'): { s: string; q: number } {
    const s = `${stream}.${this.incarnation}`;
    const q = (this.#sequences.get(s) ?? 0) + 1;
    this.#sequences.set(s, q);
    return { s, q };
  }

  forget(stream: string, upTo: number): void {
    this.unacked = this.unacked.filter(({ s, q = 0 }) => s !== stream || q > upTo);
  }

  /** Results are durable and move to the new stream; events die with the process. */
  restart(): void {
    this.incarnation = randomUUID();
    this.#sequences.clear();
    this.unacked = this.unacked
      .filter((frame) => frame.t === 'result')
      .map((frame) => ({ ...frame, ...this.next('results') }));
  }
}
