/** More than this behind the best guess means that the server's clock was set back. */
const STEP_MS = 2_000;

/**
 * The API server's time. Its answers carry whole seconds, rounded down; the guess that is furthest ahead is the nearest,
 * so time neither jumps back at the next answer nor runs up to a second late.
 */
export class ServerTime {
  readonly #read: () => Date | undefined;
  readonly #monotonic: () => number;
  #offsetMs: number | undefined;

  /** @param read the time by the last answer, moved on since */
  constructor(read: () => Date | undefined, monotonic: () => number = () => performance.now()) {
    this.#read = read;
    this.#monotonic = monotonic;
  }

  /** This machine's time before the first answer. */
  readonly now = (): Date => {
    const localMs = this.#monotonic();
    const read = this.#read();
    if (!read) return new Date();
    const offsetMs = read.getTime() - localMs;
    const known = this.#offsetMs;
    if (known === undefined || offsetMs > known || offsetMs < known - STEP_MS) this.#offsetMs = offsetMs;
    return new Date(Math.floor(localMs + (this.#offsetMs ?? offsetMs)));
  };
}
