import { describe, expect, it } from 'vitest';
import { RateLimit } from './rate-limit.ts';

function limit(maxKeys = 10) {
  let at = 0;
  const buckets = new RateLimit({ burst: 2, refillMs: 1_000, maxKeys, now: () => at });
  return { buckets, pass: (ms: number) => (at += ms) };
}

describe('a rate limit', () => {
  it('allows a burst, then one per interval, and says how long to wait', () => {
    const { buckets, pass } = limit();
    expect([buckets.take('a'), buckets.take('a'), buckets.take('a')]).toEqual([0, 0, 1_000]);
    pass(400);
    expect(buckets.take('a')).toBe(600);
    pass(600);
    expect([buckets.take('a'), buckets.take('a')]).toEqual([0, 1_000]);
  });

  it('never saves up more than the burst', () => {
    const { buckets, pass } = limit();
    buckets.take('a');
    pass(1_000_000);
    expect([buckets.take('a'), buckets.take('a'), buckets.take('a') > 0]).toEqual([0, 0, true]);
  });

  it('keeps keys apart and forgets the longest unused one', () => {
    const { buckets } = limit(2);
    buckets.take('a');
    buckets.take('a');
    expect(buckets.take('b')).toBe(0);
    expect(buckets.take('c')).toBe(0);
    expect(buckets.take('a')).toBe(0);
  });
});
