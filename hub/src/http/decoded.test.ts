import { compile } from '@steward/shared';
import * as Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { coerce, storable } from './decoded.ts';

const Query = Type.Object({
  limit: Type.Optional(Type.Integer()),
  full: Type.Optional(Type.Boolean()),
  name: Type.String(),
});

describe('a query', () => {
  it.each([
    [
      { limit: '5', full: 'true', name: '7' },
      { limit: 5, full: true, name: '7' },
    ],
    [
      { limit: '-5', full: 'false' },
      { limit: -5, full: false },
    ],
    [
      { limit: 'many', full: 'yes' },
      { limit: 'many', full: 'yes' },
    ],
    [{ limit: '1e9' }, { limit: '1e9' }],
    [{ limit: ['1', '2'] }, { limit: ['1', '2'] }],
    [undefined, {}],
  ])('of %o is read as %o', (query, expected) => {
    expect(coerce(query, Query)).toEqual(expected);
  });
});

it('refuses text that cannot be stored, and says where', () => {
  const decode = storable(compile(Query));
  expect(decode({ name: 'ü' })).toMatchObject({ ok: true });
  for (const name of ['a\u0000', '\ud800'])
    expect(decode({ name })).toEqual({ ok: false, error: '/name has a NUL or half a character in it' });
});
