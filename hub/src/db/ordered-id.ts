import { randomBytes } from 'node:crypto';

/**
 * A maker of row ids (UUID version 7) that rise in the order in which one process makes them, also within a millisecond: rows that one
 * transaction writes have the same `created_at`, and a list in the order (created_at, id) shows them as they came.
 */
export function createOrderedIds(now: () => number = Date.now): () => string {
  let last = 0n;
  return () => {
    // 48 bits of milliseconds, 12 bits that count within one.
    const next = BigInt(now()) << 12n;
    last = next > last ? next : last + 1n;
    const head = last.toString(16).padStart(15, '0');
    const tail = randomBytes(8);
    tail.writeUInt8((tail.readUInt8(0) & 0x3f) | 0x80, 0);
    const random = tail.toString('hex');
    return `${head.slice(0, 8)}-${head.slice(8, 12)}-7${head.slice(12)}-${random.slice(0, 4)}-${random.slice(4)}`;
  };
}
