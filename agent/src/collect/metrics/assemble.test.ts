import { LIMITS } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { Assembler, type Answer } from './assemble.ts';

const answer = (pod: string, numbers: Record<string, number> | string, labels = {}): Answer => ({
  key: `web u-${pod}`,
  own: { endpoint: 'web', pod },
  page:
    typeof numbers === 'string'
      ? { ok: false, error: numbers }
      : { ok: true, value: Object.entries(numbers).map(([name, value]) => ({ name, labels, value })) },
});
const own = { endpoint: 'web', pod: 'p' };

describe('the pages of one look', () => {
  it('become one table, the same whatever the order in which they came', () => {
    const [one, two] = [new Assembler(), new Assembler()].map((assembler, at) => {
      const answers = [answer('p', { b: 2, a: 1 }), answer('q', { a: 3 })];
      return assembler.add(at === 0 ? answers : answers.toReversed());
    });
    expect(one).toEqual(two);
    expect(one?.table.id).toMatch(/^[0-9a-f]{16}$/);
    expect(one?.table.series.map(([name, labels]) => `${name} ${labels['pod']}`)).toEqual([
      'a p',
      'a q',
      'b p',
      'up p',
      'up q',
    ]);
    expect(one?.values).toEqual([1, 3, 2, 1, 1]);
  });

  it('keep a series without a number while its pod does not answer, and no longer than there is that pod', () => {
    const assembler = new Assembler();
    const before = assembler.add([answer('p', { a: 1 })]);
    const silent = assembler.add([answer('p', 'it did not answer in time')]);
    expect(silent.table).toEqual(before.table);
    expect(silent.values).toEqual([Number.NaN, 0]);
    expect(assembler.add([answer('q', 'it answered 404')]).table.series).toEqual([
      ['up', { endpoint: 'web', pod: 'q' }],
    ]);
  });

  it('tell labels of the service from those that the agent adds', () => {
    const { table } = new Assembler().add([answer('p', { a: 1 }, { pod: 'mine', endpoint: 'x', y: 'z' })]);
    expect(table.series[0]).toEqual(['a', { y: 'z', exported_endpoint: 'x', exported_pod: 'mine', ...own }]);
  });

  it('are cut at so many series, and what is left out is counted', () => {
    const many = Object.fromEntries(Array.from({ length: LIMITS.maxMetricSeries + 5 }, (_, n) => [`m${n}`, n]));
    const { table, values, leftOut } = new Assembler().add([answer('p', many)]);
    expect([table.series.length, values.length, leftOut]).toEqual([LIMITS.maxMetricSeries, LIMITS.maxMetricSeries, 6]);
  });
});
