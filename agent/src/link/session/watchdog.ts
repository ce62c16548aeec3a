/** Calls back once when nothing was heard for a while: `ws` has no such thing of its own, and TCP takes many minutes. */
export class Watchdog {
  readonly #silenceMs: number;
  readonly #onSilence: () => void;
  readonly #timer: NodeJS.Timeout;
  #heardMs = performance.now();

  constructor(silenceMs: number, onSilence: () => void) {
    this.#silenceMs = silenceMs;
    this.#onSilence = onSilence;
    this.#timer = setInterval(() => this.#check(), Math.max(10, silenceMs / 6));
  }

  heard(): void {
    this.#heardMs = performance.now();
  }

  /** Safe twice. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    if (performance.now() - this.#heardMs < this.#silenceMs) return;
    this.stop();
    this.#onSilence();
  }
}
