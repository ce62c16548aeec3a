/**
 * A place in the feed. Events are ordered by the transaction that wrote them, then by their number; a transaction's events only become
 * readable once no older transaction runs, so nothing ever appears behind a place that was passed.
 */
export interface FeedPosition {
  xid: bigint;
  id: bigint;
}

const MAX_ID = 2n ** 63n - 1n;

/** The place before everything that a transaction with this or a higher number writes. */
export function positionBefore(xid: bigint): FeedPosition {
  return { xid: xid - 1n, id: MAX_ID };
}

/** As it is sent in an SSE `id`. */
export function formatPosition({ xid, id }: FeedPosition): string {
  return `${xid}-${id}`;
}

/** Undefined for anything that {@link formatPosition} does not write. */
export function parsePosition(text: string): FeedPosition | undefined {
  const [, xid, id] = /^(\d{1,20})-(\d{1,19})$/.exec(text) ?? [];
  if (xid === undefined || id === undefined) return undefined;
  const position = { xid: BigInt(xid), id: BigInt(id) };
  return position.xid < 2n ** 64n && position.id <= MAX_ID ? position : undefined;
}

export function isAfter(a: FeedPosition, b: FeedPosition): boolean {
  return a.xid === b.xid ? a.id > b.id : a.xid > b.xid;
}
