import { describe, expect, it } from 'vitest';
import { inSteps, rangeOf } from './range.ts';

const now = Date.parse('2026-11-21T10:00:00Z');

describe('what is asked for', () => {
  it('is the last hour by the minute', () => {
    expect(rangeOf({ name: 'a' }, now)).toEqual({
      name: 'a',
      fromMs: now - 3_600_000,
      toMs: now,
      stepMs: 60_000,
      points: 60,
    });
  });

  it.each([
    ['upside down', { from: '2026-11-21T11:00:00Z' }, 'the range is empty'],
    ['no time', { from: '2026-13-21T11:00:00Z' }, 'the range is empty'],
    ['before there was anything', { to: '0001-01-01T00:00:00Z' }, 'before 1970'],
    ['too much', { from: '2026-11-01T10:00:00Z' }, 'the range has 28800 steps; 1000 are possible'],
  ])('is refused when it is %s', (_what, query, words) => {
    expect(() => rangeOf({ name: 'a', ...query }, now)).toThrow(words);
  });
});

describe('steps', () => {
  const range = { ...rangeOf({ name: 'a' }, now), points: 4 };
  const steps = (...measured: [number, number, number | null][]) =>
    inSteps(
      measured.map(([key, bucket, value]) => ({ key, bucket, value })),
      [{ pod: 'p' }, { pod: 'q' }],
      range,
    ).map(({ values }) => values);

  it('hold what was measured, and nothing where nothing was', () => {
    expect(steps([0, 0, 1], [0, 3, 2], [1, 1, 5])).toEqual([
      [1, null, null, 2],
      [null, 5, null, null],
    ]);
  });

  it('go on with what has not changed, also from before the range, but not into another series', () => {
    expect(steps([0, -3, 1], [0, 0, null], [0, 1, null], [0, 2, 2], [1, 0, null])[0]).toEqual([1, 1, 2, null]);
    expect(steps([0, 0, 1], [1, 1, null])[1]).toEqual([null, null, null, null]);
  });

  it('do not go on with what is older than an agent leaves it out, nor over a step without a number', () => {
    expect(steps([0, -20, 1], [0, 0, null])[0]).toEqual([null, null, null, null]);
    expect(steps([0, 0, 1], [0, 1, Number.NaN], [0, 2, null], [0, 3, 4])[0]).toEqual([1, null, null, 4]);
  });
});
