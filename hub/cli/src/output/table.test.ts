import { describe, expect, it } from 'vitest';
import { detailLines, tableLines, type Column } from './table.ts';
import { duration, localTime } from './time.ts';
import { parseDuration } from './timeout.ts';

const plain = { paint: (text: string) => text };
const columns: Column<string[]>[] = [
  { title: 'name', cell: (row) => row[0] ?? '' },
  { title: 'state', cell: (row) => ({ text: row[1] ?? '', tint: 'green' }) },
];

describe('tables', () => {
  it('make each column as wide as its longest cell, and show a dash for nothing', () => {
    expect(
      tableLines(
        columns,
        [
          ['a', 'running'],
          ['longer', ''],
        ],
        plain,
      ),
    ).toEqual(['NAME    STATE', 'a       running', 'longer  -']);
  });

  it('cut lines at the width of the terminal, and only there', () => {
    const rows = [['nats', 'x'.repeat(50)]];
    const [heading, row] = tableLines(columns, rows, { ...plain, width: 20 });
    expect(heading).toBe('NAME  STATE');
    expect(row).toBe(`nats  ${'x'.repeat(13)}…`);
    expect(tableLines(columns, rows, plain)[1]).toHaveLength(56);
  });

  it('colour the text but not the measure', () => {
    const paint = (text: string, tint?: string): string => (tint === 'green' ? `<${text}>` : text);
    expect(tableLines(columns, [['a', 'b']], { paint, width: 20 })[1]).toBe('a     <b>');
  });

  it('keep a cell on one line, whatever is in it', () => {
    expect(tableLines(columns, [['a\nb\t c', 'd']], plain)[1]).toBe('a b c  d');
  });
});

it('leaves out details that are not there', () => {
  expect(
    detailLines(
      [
        ['Name', 'nats'],
        ['Expires', undefined],
        ['Of', ''],
      ],
      plain.paint,
    ),
  ).toEqual(['Name: nats']);
});

it.each([
  [0, '0 ms'],
  [850, '850 ms'],
  [12_000, '12 s'],
  [59_600, '1 min'],
  [200_000, '3 min 20 s'],
  [3_600_000, '1 h'],
  [7_500_000, '2 h 5 min'],
  [270_000_000, '3 d 3 h'],
])('tells %i ms as %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text);
});

it('tells times in the zone of the reader', () => {
  const local = new Date(2026, 10, 21, 14, 2, 5);
  expect(localTime(local.toISOString())).toBe('2026-11-21 14:02:05');
  expect(localTime(undefined)).toBe('');
  expect(localTime('soon')).toBe('soon');
});

it.each([
  ['90s', 90_000],
  ['10m', 600_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('reads %s', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

it.each(['', '10', '0s', '1.5h', '31d', '-1s', '10 m'])('refuses %j as a time', (text) => {
  expect(() => parseDuration(text)).toThrow('90s, 10m, 2h or 1d');
});
