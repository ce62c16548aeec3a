/**
 * The API server's clock, learned from the `Date` header of its answers. Between answers it goes on by our monotonic
 * clock, so that changing this machine's time does not move it.
 */
export class ServerClock {
  #last: { serverMs: number; monotonicMs: number } | undefined;
  readonly #monotonic: () => number;

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  /** @param dateHeader an HTTP date; anything else is ignored */
  observe(dateHeader: string | undefined): void {
    const serverMs = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader);
    if (!Number.isNaN(serverMs)) this.#last = { serverMs, monotonicMs: this.#monotonic() };
  }

  now(): Date | undefined {
    return this.#last && new Date(this.#last.serverMs + (this.#monotonic() - this.#last.monotonicMs));
  }
}
