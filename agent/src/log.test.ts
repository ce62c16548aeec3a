import { expect, it } from 'vitest';
import { createLog } from './log.ts';

it('writes one JSON line with its fields, errors as their messages, and nothing below its level', () => {
  const lines: string[] = [];
  const now = (): Date => new Date('2026-11-21T00:00:00Z');
  const log = createLog({ write: (line) => void lines.push(line), now }).child({ operation: 'op-1' });
  log.debug('not this');
  log.warn('it failed', { error: new Error('outer', { cause: new Error('inner') }) });
  expect(lines).toEqual([
    '{"time":"2026-11-21T00:00:00.000Z","level":"warn","message":"it failed","operation":"op-1","error":{"error":"outer","cause":"inner"}}\n',
  ]);
});
