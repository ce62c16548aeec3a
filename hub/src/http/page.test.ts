import { LIMITS } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { pageClause, pageOf, pageRequest } from './page.ts';
import { ProblemError } from './problem.ts';

const ID = '11111111-2222-4333-8444-555555555555';
const AT = '2026-11-21T01:02:03.456Z';

describe('pages', () => {
  it('end without a cursor when there is nothing more', () => {
    expect(pageOf([{ id: ID, createdAt: AT }], { limit: 1 })).toEqual({ items: [{ id: ID, createdAt: AT }] });
    expect(pageOf([], { limit: 1 })).toEqual({ items: [] });
  });

  it('begin where the one before ended', () => {
    const { items, next } = pageOf(
      [ID, ID, ID].map((id) => ({ id, createdAt: AT })),
      { limit: 2 },
    );
    expect(items.length).toBe(2);
    const request = pageRequest({ limit: 2, cursor: next ?? '' });
    expect(request).toEqual({ limit: 2, after: { at: AT, id: ID } });
    expect(pageClause(request, 3, 'c')).toEqual({
      where: '(c.created_at, c.id) > ($3::timestamptz, $4::uuid)',
      tail: 'ORDER BY c.created_at, c.id LIMIT 3',
      parameters: [AT, ID],
    });
  });

  it('are of the default size unless asked otherwise', () => {
    expect(pageRequest({}).limit).toBe(LIMITS.defaultPageSize);
  });

  it.each([
    '',
    'x',
    Buffer.from('{"at":"now","id":"1"}').toString('base64url'),
    Buffer.from(JSON.stringify({ at: '2026-99-99T99:99:99Z', id: ID })).toString('base64url'),
    Buffer.from('null').toString('base64url'),
  ])('refuse the cursor "%s"', (cursor) => {
    expect(() => pageRequest({ cursor })).toThrow(ProblemError);
  });
});
