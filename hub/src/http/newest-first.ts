import type { PageOf } from '@steward/shared';
import { pageOf, type PageRequest } from './page.ts';

/** As `pageClause`, for lists whose latest rows come first: order (created_at, id) descending. */
export function newestFirst(
  request: PageRequest,
  first: number,
  alias: string,
): { where: string; tail: string; parameters: unknown[] } {
  const tail = `ORDER BY ${alias}.created_at DESC, ${alias}.id DESC LIMIT ${request.limit + 1}`;
  if (!request.after) return { where: 'true', tail, parameters: [] };
  return {
    where: `(${alias}.created_at, ${alias}.id) < ($${first}::timestamptz, $${first + 1}::uuid)`,
    tail,
    parameters: [request.after.at, request.after.id],
  };
}

/** A page of what the rows mean, for objects that do not show the row's own id or time. */
export function pageOfRows<Row extends { id: string; createdAt: Date }, Item>(
  found: readonly Row[],
  request: PageRequest,
  toItem: (row: Row) => Item,
): PageOf<Item> {
  const placed = found.map((row) => ({ id: row.id, createdAt: row.createdAt.toISOString(), row }));
  const { items, next } = pageOf(placed, request);
  return { items: items.map(({ row }) => toItem(row)), ...(next === undefined ? {} : { next }) };
}
