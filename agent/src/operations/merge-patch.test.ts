import { expect, it } from 'vitest';
import { mergePatchOf } from './merge-patch.ts';

it('says what goes with null, lists whole, and nothing of what is the same', () => {
  const from = { a: 1, b: { c: 1, d: 2 }, list: [1, 2], same: { x: 1 } };
  expect(mergePatchOf(from, { a: 1, b: { c: 1 }, list: [1], same: { x: 1 } })).toEqual({ b: { d: null }, list: [1] });
  expect(mergePatchOf(from, structuredClone(from))).toBeUndefined();
});
