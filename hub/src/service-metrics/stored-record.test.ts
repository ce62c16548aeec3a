import { describe, expect, it } from 'vitest';
import { storedRecord } from './stored-record.ts';

const now = Date.parse('2026-11-21T10:00:00Z');
const frame = { installationId: 'i', table: 'ffffffffffffffff', t0: '2026-11-21T09:59:00Z', values: [1, null] };

describe('a record of metrics', () => {
  it('is of its day, with its table as a signed number', () => {
    expect(storedRecord(frame, now)).toEqual({
      day: '2026-11-21',
      at: '2026-11-21T09:59:00.000Z',
      tableId: '-1',
      numbers: [1, Number.NaN],
    });
  });

  it('has its values at the places of their series, and nothing where they are as before', () => {
    expect(storedRecord({ ...frame, index: [3, 1] }, now)).toMatchObject({ numbers: [null, Number.NaN, null, 1] });
    expect(storedRecord({ ...frame, index: [], values: [] }, now)).toMatchObject({ numbers: [] });
  });

  it.each([
    ['of days ago', { t0: '2026-11-19T09:00:00Z' }],
    ['of days to come', { t0: '2026-11-23T09:00:00Z' }],
    ['of no day', { t0: '2026-99-21T09:00:00Z' }],
    ['with more values than places', { index: [0] }],
    ['with more values than series', { series: [['a', {}]] as [string, Record<string, string>][] }],
  ])('%s cannot be stored', (_what, change) => {
    expect(storedRecord({ ...frame, ...change }, now)).toHaveProperty('problem');
  });
});
