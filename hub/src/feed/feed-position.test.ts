import { describe, expect, it } from 'vitest';
import { formatPosition, isAfter, parsePosition, positionBefore } from './feed-position.ts';

describe('a place in the feed', () => {
  it('is read back as it was written, also beyond what a number holds', () => {
    const place = { xid: 2n ** 64n - 1n, id: 2n ** 63n - 1n };
    expect(parsePosition(formatPosition(place))).toEqual(place);
  });

  it.each([
    '',
    '1',
    '1-',
    '-1',
    '1-2-3',
    '1-x',
    ' 1-2',
    '18446744073709551616-1',
    '1-9223372036854775808',
    `${'9'.repeat(30)}-1`,
  ])('is not "%s"', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });

  it('is ordered by transaction, then by number', () => {
    expect(isAfter({ xid: 2n, id: 1n }, { xid: 1n, id: 9n })).toBe(true);
    expect(isAfter({ xid: 1n, id: 2n }, { xid: 1n, id: 1n })).toBe(true);
    expect(isAfter({ xid: 1n, id: 1n }, { xid: 1n, id: 1n })).toBe(false);
  });

  it('can be right before a transaction', () => {
    const before = positionBefore(5n);
    expect(isAfter({ xid: 5n, id: 0n }, before)).toBe(true);
    expect(isAfter({ xid: 4n, id: 2n ** 62n }, before)).toBe(false);
  });
});
