import { describe, expect, it } from 'vitest';
import { isUnavailable } from './unavailable.ts';

function withCode(code: string): Error {
  return Object.assign(new Error('x'), { code });
}

describe('an error of the database', () => {
  it.each([
    withCode('ECONNREFUSED'),
    withCode('57P01'),
    withCode('08006'),
    withCode('40P01'),
    withCode('53100'),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new Error('outside', { cause: withCode('ECONNRESET') }),
    new AggregateError([withCode('ECONNREFUSED')], 'all'),
  ])('means "not now": %o', (error) => {
    expect(isUnavailable(error)).toBe(true);
  });

  it.each([withCode('23505'), withCode('42501'), new Error('a bug'), 'text', undefined])(
    'means "wrong": %o',
    (error) => {
      expect(isUnavailable(error)).toBe(false);
    },
  );
});
