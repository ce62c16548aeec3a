import type { Writable } from 'node:stream';
import { Places } from '../http/server/places.ts';
import { ProblemError } from '../http/problem.ts';

/** Each holds a chart in memory until it has been sent; one cluster that reads slowly must not take them all. */
const MAX_AT_ONCE = { hub: 16, cluster: 2 };
/** A chart of the largest size over a line of 40 kB/s. */
const MAX_DOWNLOAD_MS = 300_000;

/** Bounds how many charts are being sent, and each for how long. */
export class ChartPlaces {
  readonly #places = new Places();
  readonly #maxMs: number;

  constructor(maxMs = MAX_DOWNLOAD_MS) {
    this.#maxMs = maxMs;
  }

  /** Takes a place until the answer has been sent or its connection has ended; after a while that is done here. @throws ProblemError `too-many-requests` */
  take(answer: Writable, clusterId: string): void {
    if (answer.closed) return;
    const leave = this.#places.take([
      { key: 'hub', max: MAX_AT_ONCE.hub },
      { key: clusterId, max: MAX_AT_ONCE.cluster },
    ]);
    if (!leave) throw new ProblemError('too-many-requests', 'too many charts are being sent', { retryAfterSeconds: 2 });
    const cut = setTimeout(() => answer.destroy(), this.#maxMs);
    answer.once('close', () => {
      clearTimeout(cut);
      leave();
    });
  }
}
