/** How long to stay away. All times in milliseconds; jitter keeps a fleet from coming back at once. */
export interface ReconnectPolicy {
  /** After a connection that had been there: uniform from 0 to this. */
  firstSpreadMs: number;
  /** After an attempt that failed: uniform from 0 to a limit that starts here and doubles. */
  initialLimitMs: number;
  maxLimitMs: number;
  /** A connection that lasted this long starts the count anew. */
  healthyMs: number;
  /** Where trying soon cannot help: uniform between these. */
  slowMinMs: number;
  slowMaxMs: number;
}

export const RECONNECT_POLICY: ReconnectPolicy = {
  firstSpreadMs: 10_000,
  initialLimitMs: 2_000,
  maxLimitMs: 60_000,
  healthyMs: 60_000,
  slowMinMs: 120_000,
  slowMaxMs: 240_000,
};

/** What became of an attempt. */
export interface AttemptEnd {
  /** How long the connection was there; undefined: there was none. */
  connectedMs: number | undefined;
  isSlow: boolean;
  /** Retry-After: never sooner. */
  floorMs?: number | undefined;
  /** The hub asked to come back within this range. */
  spread?: { minMs: number; maxMs: number } | undefined;
}

export class Backoff {
  readonly #policy: ReconnectPolicy;
  readonly #random: () => number;
  #failures = 0;

  constructor(policy: ReconnectPolicy = RECONNECT_POLICY, random: () => number = Math.random) {
    this.#policy = policy;
    this.#random = random;
  }

  nextDelayMs({ connectedMs, isSlow, floorMs = 0, spread }: AttemptEnd): number {
    const { firstSpreadMs, initialLimitMs, maxLimitMs, healthyMs, slowMinMs, slowMaxMs } = this.#policy;
    if (connectedMs !== undefined && connectedMs >= healthyMs) this.#failures = 0;
    if (spread) return Math.max(floorMs, this.#uniform(spread.minMs, Math.max(spread.minMs, spread.maxMs)));
    if (isSlow) return Math.max(floorMs, this.#uniform(slowMinMs, slowMaxMs));
    const limit = Math.min(maxLimitMs, initialLimitMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 20);
    const wasLost = connectedMs !== undefined;
    // The floor is everybody's: without a spread above it all would come at the same moment.
    return floorMs + this.#uniform(0, wasLost ? Math.max(limit, firstSpreadMs) : limit);
  }

  #uniform(from: number, to: number): number {
    return from + this.#random() * (to - from);
  }
}
