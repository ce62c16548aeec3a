/** Wakes one sleeper; a ring while nobody sleeps wakes the next one at once. */
export class Bell {
  #hasRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or after the time; rejects when the signal fires. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#hasRung) await this.#sleep(timeoutMs, signal);
    this.#hasRung = false;
  }

  async #sleep(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(Math.max(timeoutMs, 0), MAX_TIMER_MS));
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#wake = resolve;
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#wake = undefined;
    }
  }
}

/** Longer ones would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
