import { decodeAgentFrame, type AgentFrame, type AgentFrameOf, type FrameError } from '@steward/shared';

export type RecordFrame = AgentFrameOf<'result' | 'event' | 'metrics'>;
export type ControlFrame = Exclude<AgentFrame, RecordFrame>;
export type BadReport = Extract<FrameError, { kind: 'bad-report' }>;
export type BadRecord = Extract<FrameError, { kind: 'bad-record' }>;

/** One record of a stream, in order; one that cannot be read comes with what is wrong instead of the frame. */
export interface InboundRecord {
  sequence: number;
  content: RecordFrame | BadRecord;
}

/** What is handled in one go: one frame, or the records of one stream that came one after the other. */
export type Inbound =
  | { kind: 'frame'; frame: ControlFrame }
  | { kind: 'records'; stream: string; records: InboundRecord[] }
  | BadReport
  | { kind: 'unknown-type' | 'bad-frame'; message: string };

const MAX_BATCH = 32;

function read(text: string): Inbound {
  const decoded = decodeAgentFrame(text);
  if (!decoded.ok) {
    const { error } = decoded;
    if (error.kind !== 'bad-record') return error;
    return { kind: 'records', stream: error.stream, records: [{ sequence: error.sequence, content: error }] };
  }
  const { frame } = decoded;
  if (frame.t !== 'result' && frame.t !== 'event' && frame.t !== 'metrics') return { kind: 'frame', frame };
  // The codec refuses a record without stream and sequence.
  return { kind: 'records', stream: frame.s ?? '', records: [{ sequence: frame.q ?? 0, content: frame }] };
}

/** Received texts in order, not yet decoded, with the number of characters they hold. */
export class InboundQueue {
  #texts: string[] = [];
  #ahead: Inbound | undefined;
  #characters = 0;

  get length(): number {
    return this.#texts.length;
  }

  get characters(): number {
    return this.#characters;
  }

  push(text: string): void {
    this.#texts.push(text);
    this.#characters += text.length;
  }

  clear(): void {
    this.#texts = [];
    this.#ahead = undefined;
    this.#characters = 0;
  }

  /** The next thing to handle; records of one stream are taken together. Undefined when nothing waits. */
  take(): Inbound | undefined {
    const first = this.#next();
    if (first?.kind !== 'records') return first;
    while (first.records.length < MAX_BATCH) {
      const next = this.#next();
      if (next?.kind !== 'records' || next.stream !== first.stream) {
        this.#ahead = next;
        break;
      }
      first.records.push(...next.records);
    }
    return first;
  }

  #next(): Inbound | undefined {
    const ahead = this.#ahead;
    if (ahead) {
      this.#ahead = undefined;
      return ahead;
    }
    const text = this.#texts.shift();
    if (text === undefined) return undefined;
    this.#characters -= text.length;
    return read(text);
  }
}
