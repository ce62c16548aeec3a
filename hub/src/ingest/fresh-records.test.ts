import type { AgentFrameOf } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import type { InboundRecord } from '../sessions/inbound.ts';
import { freshRecords } from './fresh-records.ts';

const at = '2026-11-21T00:00:00Z';
const id = '00000000-0000-4000-8000-000000000001';
const result = (sequence: number): InboundRecord => ({
  sequence,
  content: {
    t: 'result',
    b: { operationId: id, installationId: id, revision: 1, state: 'running', phase: 'apply', message: '', at },
  },
});
const event = (sequence: number): InboundRecord => {
  const content: AgentFrameOf<'event'> = { t: 'event', b: { kind: 'health.changed', message: '', at } };
  return { sequence, content };
};
const sequences = (records: InboundRecord[]) => records.map(({ sequence }) => sequence);
const fresh = (stream: string, cursor: number, records: InboundRecord[]) =>
  sequences(freshRecords('inc', cursor, { stream, records }));

describe('which records are new', () => {
  it('drops what is committed, also within one batch', () => {
    expect(fresh('results.inc', 2, [1, 2, 3, 3, 4, 2].map(result))).toEqual([3, 4]);
  });

  it('stops a durable stream at a hole', () => {
    expect(fresh('results.inc', 2, [3, 5, 6].map(result))).toEqual([3]);
    expect(fresh('results.inc', 2, [5, 6, 3].map(result))).toEqual([]);
  });

  it('lets events go on behind a hole', () => {
    expect(fresh('events.inc', 2, [3, 7, 8, 5].map(event))).toEqual([3, 7, 8]);
  });

  it.each([
    ['of another process', 'results.other', result(1)],
    ['of an unknown kind', 'metrics.inc', result(1)],
    ['of a name every object has', 'constructor.inc', result(1)],
    ['for another type', 'events.inc', result(1)],
  ])('refuses a stream %s', (_name, stream, record) => {
    expect(() => fresh(stream, 0, [record])).toThrow('stream');
  });
});
