import { LIMITS } from '@steward/shared';
import type { Clock } from './clock.ts';

export interface WatchdogEffects {
  ping(): void;
  onSilence(): void;
}

/**
 * Pings every 25 s ±10 % and tells when nothing was heard for 60 s: `ws` has no watchdog of its own, and a peer that is
 * gone without a word would be taken for a quiet one.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #effects: WatchdogEffects;
  #heardAt: number;
  #nextPingAt = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, effects: WatchdogEffects) {
    this.#clock = clock;
    this.#effects = effects;
    this.#heardAt = clock.now();
  }

  /** Unix milliseconds. */
  get heardAt(): number {
    return this.#heardAt;
  }

  start(): void {
    if (this.#cancel) return;
    this.#planPing();
    this.#sleep();
  }

  heard(): void {
    this.#heardAt = this.#clock.now();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #planPing(): void {
    this.#nextPingAt = this.#clock.now() + LIMITS.pingIntervalMs * (0.9 + 0.2 * this.#clock.random());
  }

  #sleep(): void {
    const silentAt = this.#heardAt + LIMITS.silenceTimeoutMs;
    this.#cancel = this.#clock.after(Math.min(this.#nextPingAt, silentAt) - this.#clock.now(), () => this.#wake());
  }

  #wake(): void {
    const now = this.#clock.now();
    if (now - this.#heardAt >= LIMITS.silenceTimeoutMs) {
      this.stop();
      this.#effects.onSilence();
      return;
    }
    if (now >= this.#nextPingAt) {
      this.#effects.ping();
      this.#planPing();
    }
    this.#sleep();
  }
}
