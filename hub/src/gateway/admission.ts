import { ProblemError } from '../http/problem.ts';
import { RateLimit } from '../http/server/rate-limit.ts';

const BURST = 200;
const PER_SECOND = 100;
const MAX_WAIT_SECONDS = 60;

/**
 * How many agents get in at a time. After a restart of the hub all come at once: each that is turned away is told when to come back, spread
 * over the time that the ones before it need. Two buckets: strangers must not use up the places of agents that have proved themselves.
 */
export class Admission {
  readonly #now: () => number;
  readonly #unproved: RateLimit;
  readonly #proved: RateLimit;
  #turnedAway = 0;
  #turnedAwayUntil = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#unproved = new RateLimit({ burst: 2_000, refillMs: 1, maxKeys: 1, now });
    this.#proved = new RateLimit({ burst: BURST, refillMs: 1_000 / PER_SECOND, maxKeys: 1, now });
  }

  /**
   * Before anything is looked up.
   * @param isFull as many as can be answered are being looked up already
   * @throws ProblemError `too-many-requests`
   */
  enter(isFull: boolean): void {
    if (isFull || this.#unproved.take('') > 0) this.#turnAway();
  }

  /** For an agent whose token is good. @throws ProblemError `too-many-requests` */
  connect(): void {
    if (this.#proved.take('') > 0) this.#turnAway();
  }

  #turnAway(): never {
    const now = this.#now();
    if (now > this.#turnedAwayUntil) this.#turnedAway = 0;
    this.#turnedAway += 1;
    const waitSeconds = Math.min(MAX_WAIT_SECONDS, Math.ceil(this.#turnedAway / PER_SECOND));
    this.#turnedAwayUntil = now + waitSeconds * 1_000;
    throw new ProblemError('too-many-requests', 'too many agents connect at once', {
      action: 'come back later; the agent does so by itself',
      retryAfterSeconds: waitSeconds,
    });
  }
}
