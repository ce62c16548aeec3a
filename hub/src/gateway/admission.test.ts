import { expect, it } from 'vitest';
import { ProblemError } from '../http/problem.ts';
import { Admission } from './admission.ts';

/** Seconds after which this one is to come back; 0 when it got in. */
function waitOf(connect: () => void): number {
  try {
    connect();
    return 0;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return error.options.retryAfterSeconds ?? -1;
  }
}

it('lets two hundred in at once, and tells the others to come back one hundred a second', () => {
  let now = 1_000_000;
  const admission = new Admission(() => now);
  const waits = Array.from({ length: 500 }, () => waitOf(() => admission.connect()));
  expect(waits.filter((wait) => wait === 0)).toHaveLength(200);
  expect([waits[200], waits[299], waits[300], waits[499]]).toEqual([1, 1, 2, 3]);
  now += 5_000;
  expect(waitOf(() => admission.connect())).toBe(0);
});

it('keeps the places of proved agents from strangers', () => {
  const admission = new Admission(() => 1_000_000);
  for (let n = 0; n < 3_000; n += 1) waitOf(() => admission.enter(false));
  expect(waitOf(() => admission.enter(false))).toBeGreaterThan(0);
  expect(waitOf(() => admission.connect())).toBe(0);
});

it('turns everyone away while too many are being looked up', () => {
  expect(waitOf(() => new Admission(() => 0).enter(true))).toBeGreaterThan(0);
});
