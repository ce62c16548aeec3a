import type { Logger } from 'pino';

/**
 * Work that is done again and again, from its start on. One round at a time: while one takes longer than the interval, none is begun.
 * What a round throws is logged, and the next one tries again.
 */
export class Rounds {
  readonly #intervalMs: number;
  readonly #round: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  /** @param failed the sentence that is logged when a round throws */
  constructor(options: { intervalMs: number; round: () => Promise<void>; log: Logger; failed: string }) {
    const { intervalMs, round, log, failed } = options;
    this.#intervalMs = intervalMs;
    this.#round = () => round().catch((error: unknown) => log.warn({ err: error }, failed));
  }

  /** Resolves after the first round. Safe twice. */
  start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.#begin(), this.#intervalMs);
    return this.#begin();
  }

  /** Resolves when nothing of it runs any more. Safe twice. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  #begin(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}
