import { compile, LIMITS, type PageOf, type PageQuery } from '@steward/shared';
import * as Type from 'typebox';
import { ProblemError } from './problem.ts';

const decodePosition = compile(
  Type.Object({ at: Type.String({ format: 'date-time' }), id: Type.String({ format: 'uuid' }) }),
);

/** Where a page begins: after this row in the order (created_at, id). Columns of `timestamptz(3)`, so that a Date loses nothing. */
export interface PagePosition {
  at: string;
  id: string;
}

export interface PageRequest {
  limit: number;
  after?: PagePosition;
}

/** Reads limit and cursor. @throws ProblemError `invalid-request` for a cursor that this hub has not made */
export function pageRequest({ limit = LIMITS.defaultPageSize, cursor }: PageQuery): PageRequest {
  if (cursor === undefined) return { limit };
  const position = decodePosition(parse(cursor));
  if (!position.ok)
    throw new ProblemError('invalid-request', 'the cursor is malformed', {
      action: 'use `next` of the page before as it is',
    });
  return { limit, after: position.value };
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * The end of a statement that reads one page: `WHERE <column conditions> AND ${clause.where} ${clause.tail}`. It asks for one row more
 * than the limit, by which {@link pageOf} knows that there is another page.
 * @param first number of the first parameter that is free
 */
export function pageClause(
  request: PageRequest,
  first: number,
  alias?: string,
): { where: string; tail: string; parameters: unknown[] } {
  const column = (name: string) => (alias === undefined ? name : `${alias}.${name}`);
  const tail = `ORDER BY ${column('created_at')}, ${column('id')} LIMIT ${request.limit + 1}`;
  if (!request.after) return { where: 'true', tail, parameters: [] };
  return {
    where: `(${column('created_at')}, ${column('id')}) > ($${first}::timestamptz, $${first + 1}::uuid)`,
    tail,
    parameters: [request.after.at, request.after.id],
  };
}

/** Cuts the extra row off and makes the cursor. Items must carry `createdAt` and `id`. */
export function pageOf<T extends { id: string; createdAt: string }>(
  rows: readonly T[],
  request: PageRequest,
): PageOf<T> {
  const items = rows.slice(0, request.limit);
  const last = items.at(-1);
  if (rows.length <= request.limit || !last) return { items };
  const position: PagePosition = { at: last.createdAt, id: last.id };
  return { items, next: Buffer.from(JSON.stringify(position)).toString('base64url') };
}
