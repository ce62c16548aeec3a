import { decodeAgentFrame, encodeFrame, type MetricSeries } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { INSTALLATION_ID } from '../../testing/test-link.ts';
import { MetricsOutbox } from './metrics-outbox.ts';

const series: MetricSeries[] = [
  ['a', { pod: 'p' }],
  ['b', { pod: 'p' }],
];
const look = (minute: number, values: number[], table = '00000000000000aa') => ({
  installationId: INSTALLATION_ID,
  table,
  series,
  t0: new Date(Date.parse('2026-11-21T10:00:00Z') + minute * 60_000).toISOString(),
  values,
});

function bodies(outbox: MetricsOutbox) {
  const found = [];
  for (let next = outbox.next(); next; next = outbox.next()) {
    const text = encodeFrame({ t: 'metrics', s: 'metrics.x', q: next.sequence, b: next.body });
    expect(decodeAgentFrame(text)).toMatchObject({ ok: true });
    found.push({ ...next.body, sequence: next.sequence });
  }
  return found;
}

describe('metrics on their way to the hub', () => {
  it('name their series once, and then only what changed', () => {
    const outbox = new MetricsOutbox();
    outbox.open(0);
    for (const [minute, values] of [
      [1, 2],
      [1, 3],
      [1, 3],
      [Number.NaN, 3],
    ].entries())
      outbox.add(look(minute, values));
    const [first, ...others] = bodies(outbox);
    expect(first).toMatchObject({ series, values: [1, 2] });
    expect(first).not.toHaveProperty('index');
    expect(others.map(({ index, values }) => [index, values])).toEqual([
      [[1], [3]],
      [[], []],
      [[0], [null]],
    ]);
    expect(others.filter((body) => 'series' in body)).toEqual([]);
  });

  it('come in full every ten minutes, for another table, on another day and in another session', () => {
    const outbox = new MetricsOutbox();
    outbox.open(0);
    const kinds = () =>
      bodies(outbox).map((body) => `${'series' in body ? 'series' : ''} ${'index' in body ? 'part' : 'full'}`);
    for (const minute of [0, 9, 10, 11]) outbox.add(look(minute, [1, 2]));
    expect(kinds()).toEqual(['series full', ' part', ' full', ' part']);
    outbox.add(look(12, [1], '00000000000000bb'));
    outbox.add(look(14 * 60, [1], '00000000000000bb'));
    expect(kinds()).toEqual(['series full', 'series full']);
    outbox.ack(6);
    outbox.add(look(14 * 60 + 1, [1], '00000000000000bb'));
    outbox.open(6);
    expect(kinds()).toEqual(['series full']);
  });

  it('are sent again from where the hub has committed', () => {
    const outbox = new MetricsOutbox();
    outbox.open(0);
    for (const minute of [0, 1, 2]) outbox.add(look(minute, [1, 2]));
    expect(bodies(outbox).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    outbox.open(1);
    expect(bodies(outbox).map(({ sequence, index }) => [sequence, index])).toEqual([
      [2, undefined],
      [3, []],
    ]);
  });

  it('are bounded; the oldest go, are counted, and leave no wrong number behind', () => {
    const outbox = new MetricsOutbox();
    for (let minute = 0; minute < 605; minute += 1) outbox.add(look(minute, [minute < 5 ? 1 : 7, 2]));
    outbox.open(0);
    expect(outbox.takeLost()).toBe(5);
    expect(outbox.takeLost()).toBe(0);
    const [first] = bodies(outbox);
    expect(first).toMatchObject({ sequence: 6, values: [7, 2], series });
    const many = Array.from({ length: 1_000 }, (_, n) => n);
    for (let count = 0; count < 30; count += 1) outbox.add(look(700 + count, many));
    outbox.open(605);
    expect(bodies(outbox).map(({ sequence }) => sequence)).toEqual(Array.from({ length: 20 }, (_, n) => 616 + n));
  });
});
