import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CLOSE_CODES } from '../close-codes.ts';
import { LIMITS } from '../limits.ts';
import { OPERATION_FAILURES, OPERATION_PHASES, OPERATION_STATES } from '../operation.ts';
import { SUBPROTOCOL } from '../version.ts';
import { AGENT_PATHS, CONNECT_AUDIENCE, SERVER_TIME_HEADER } from './enrolment.ts';
import { AGENT_FRAMES, EVENT_KINDS, HUB_FRAMES } from './frames.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/protocol.md'), 'utf8');
/** The rows of the table below a heading, or below the comment that marks it, as cells. */
function rowsAfter(mark: string): string[][] {
  const rest = page.slice(page.indexOf(mark) + mark.length);
  const table = /\n\|[^]*?\n(?!\|)/.exec(rest)?.[0] ?? '';
  return table
    .trim()
    .split('\n')
    .slice(2)
    .map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
}

describe('docs/protocol.md', () => {
  it('lists every frame with its direction', () => {
    const directions = new Map<string, string>();
    for (const type of Object.keys(AGENT_FRAMES)) directions.set(type, 'agent → hub');
    for (const type of Object.keys(HUB_FRAMES)) directions.set(type, directions.has(type) ? 'both' : 'hub → agent');
    expect(new Map(rowsAfter('## Frames').map(([type = '', direction = '']) => [type, direction]))).toEqual(directions);
  });

  it('lists every close code', () => {
    const codes = Object.entries(CLOSE_CODES).map(([name, { code, retry, meaning }]) => [
      `${code}`,
      name,
      retry ? 'yes' : 'no',
      meaning,
    ]);
    expect(rowsAfter('## Close codes')).toEqual(codes);
  });

  it('lists every reason of a failed operation with the advice', () => {
    const plain = Object.entries(OPERATION_FAILURES).map(([code, advice]) => [code, advice.replaceAll('`', '')]);
    expect(rowsAfter('<!-- failures')).toEqual(plain);
  });

  it('gives limits as they are', () => {
    for (const [name = '', value = ''] of rowsAfter('## Limits'))
      expect([name, LIMITS[name as keyof typeof LIMITS]]).toEqual([name, Number(value.replaceAll(',', ''))]);
    expect(rowsAfter('## Limits').length).toBeGreaterThan(10);
  });

  it('names paths, states, phases and kinds of events as they are', () => {
    const names = [...Object.values(AGENT_PATHS), ...OPERATION_STATES, ...OPERATION_PHASES, ...EVENT_KINDS];
    expect(
      [...names, SUBPROTOCOL, CONNECT_AUDIENCE, SERVER_TIME_HEADER].filter((name) => !page.includes(name)),
    ).toEqual([]);
  });
});
