import { runInNewContext } from 'node:vm';
import type { Outcome } from '../../outcome.ts';
import type { PackedSet } from '../release-set.ts';
import type { RenderRoom } from '../render-room.ts';
import { RenderThread } from './render-thread.ts';
import { checkedParameters, packedSet, type ManifestsQuestion, type ParametersQuestion } from './render-work.ts';

/** Up to this size the work is done here: a thread costs more (100 ms, 20 MB) than what so little can use up. */
const INLINE_SCHEMA_BYTES = 64 * 1024;
const INLINE_MANIFEST_BYTES = 64 * 1024;
const INLINE_TIMEOUT_MS = 500;

/**
 * Does what a chart could make slow or large (its schema, its YAML, its objects) inside bounds: small inputs here under a
 * watchdog that ends even a regular expression, others in a thread with its own memory limit. One per render; always
 * {@link stop} it.
 */
export class BoundedRender {
  readonly #entry: URL;
  readonly #room: RenderRoom;
  readonly #signal: AbortSignal;
  #thread: RenderThread | undefined;
  #giveBack: (() => void) | undefined;

  /** @param entry see {@link RenderThread} */
  constructor({ entry, room, signal }: { entry: URL; room: RenderRoom; signal: AbortSignal }) {
    this.#entry = entry;
    this.#room = room;
    this.#signal = signal;
  }

  async checkParameters(question: ParametersQuestion): Promise<Outcome<void>> {
    const size = JSON.stringify(question.schema).length;
    const inline = size > INLINE_SCHEMA_BYTES ? undefined : withinTime(() => checkedParameters(question));
    return inline ?? (await this.#inThread()).checkParameters(question);
  }

  async readManifests(question: ManifestsQuestion): Promise<Outcome<PackedSet>> {
    const size = question.printed.byteLength;
    const inline = size > INLINE_MANIFEST_BYTES ? undefined : withinTime(() => packedSet(question));
    return inline ?? (await this.#inThread()).readManifests(question);
  }

  async stop(): Promise<void> {
    await this.#thread?.stop();
    this.#giveBack?.();
  }

  async #inThread(): Promise<RenderThread> {
    this.#giveBack ??= await this.#room.large.take(this.#signal);
    this.#thread ??= new RenderThread(this.#entry);
    return this.#thread;
  }
}

/** Undefined when it did not end in time. It is ended by V8 itself, wherever it is. */
function withinTime<T>(work: () => Outcome<T>): Outcome<T> | undefined {
  try {
    return runInNewContext('work()', { work }, { timeout: INLINE_TIMEOUT_MS }) as Outcome<T>;
  } catch (error) {
    // It comes from the other context, so it is no instance of this one's Error.
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
    if (code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return undefined;
    throw error;
  }
}
