import { ProblemError } from '../problem.ts';

export interface RateLimitOptions {
  /** How many at once, after a rest. */
  burst: number;
  /** How long until one more is allowed. */
  refillMs: number;
  /** Keys remembered; the longest unused one is forgotten first. */
  maxKeys: number;
  now?: () => number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** @throws ProblemError unless there is nothing to wait for: see {@link RateLimit.take} */
export function refuseTooMany(waitMs: number, message: string): void {
  if (waitMs === 0) return;
  const retryAfterSeconds = Math.ceil(waitMs / 1_000);
  throw new ProblemError('too-many-requests', message, {
    action: `try again in ${retryAfterSeconds} s`,
    retryAfterSeconds,
  });
}

/** A token bucket per key, in this hub's memory. */
export class RateLimit {
  readonly #options: Required<RateLimitOptions>;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateLimitOptions) {
    this.#options = { now: Date.now, ...options };
  }

  /** Takes one. @returns 0 when it was there, else the milliseconds until there is one */
  take(key: string): number {
    const { burst, refillMs, maxKeys, now } = this.#options;
    const at = now();
    const old = this.#buckets.get(key) ?? { tokens: burst, at };
    const tokens = Math.min(burst, old.tokens + (at - old.at) / refillMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at });
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > maxKeys && oldest !== undefined) this.#buckets.delete(oldest);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) * refillMs);
  }

  /** Forgets what a key has used. */
  clear(key: string): void {
    this.#buckets.delete(key);
  }
}
