import { encodeFrame, type HubFrame } from '@steward/shared';
import type { SessionSocket } from './session-socket.ts';

/** Bytes waiting in the socket above which intents are held back, so that an ack never waits behind them. */
const INTENT_WINDOW_BYTES = 64 * 1024;
/** Bytes waiting in the socket above which the reader counts as too slow. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
const MAX_WAITING_INTENTS = 1_000;

/**
 * Two lanes to one agent. Control frames leave at once. Intents wait until the welcome has been sent and the socket has room;
 * of those that wait only the latest of each key is kept, for the row in the database is the truth.
 */
export class Outbound {
  readonly #intents = new Map<string, HubFrame>();
  readonly #socket: SessionSocket;
  readonly #onTooSlow: () => void;
  readonly #onSent: (type: HubFrame['t']) => void;
  #state: 'held' | 'open' | 'ended' = 'held';

  constructor(socket: SessionSocket, onTooSlow: () => void, onSent: (type: HubFrame['t']) => void) {
    this.#socket = socket;
    this.#onTooSlow = onTooSlow;
    this.#onSent = onSent;
  }

  control(frame: HubFrame): void {
    if (this.#state !== 'ended') this.#write(frame);
  }

  /** @param key what the intent is about: a newer one of the same key replaces one that still waits */
  intent(key: string, frame: HubFrame): void {
    if (this.#state === 'ended') return;
    this.#intents.delete(key);
    this.#intents.set(key, frame);
    if (this.#intents.size > MAX_WAITING_INTENTS) this.#onTooSlow();
    else this.#pump();
  }

  /** From now on intents leave. */
  open(): void {
    if (this.#state !== 'held') return;
    this.#state = 'open';
    this.#pump();
  }

  end(): void {
    this.#state = 'ended';
    this.#intents.clear();
  }

  #pump(): void {
    for (const [key, frame] of this.#intents) {
      if (this.#state !== 'open' || this.#socket.bufferedAmount > INTENT_WINDOW_BYTES) return;
      this.#intents.delete(key);
      this.#write(frame);
    }
  }

  #write(frame: HubFrame): void {
    this.#socket.send(encodeFrame(frame), () => this.#pump());
    this.#onSent(frame.t);
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) this.#onTooSlow();
  }
}
