import { expect, it } from 'vitest';
import { amountOf } from './quantity.ts';

it.each([
  ['700m', '0.7'],
  ['9m', '0.009'],
  ['1900m', '1.9'],
  ['1300u', '0.0013'],
  ['13n', '1.3e-8'],
  ['1.005k', '1005'],
  ['2.3e3m', '2.3'],
  ['1.5Gi', '1536Mi'],
  ['1E', '1e18'],
])('%s is as much as %s', (one, other) => {
  expect(amountOf(one)).toBe(amountOf(other));
  expect(amountOf(one)).toBeGreaterThan(0);
});

it.each(['', 'm', '1K', '1mi', '-1', '.5', '1e', '0x10', undefined, null])('%j is none', (value) => {
  expect(amountOf(value)).toBeUndefined();
});
