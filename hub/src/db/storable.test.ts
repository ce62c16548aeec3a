import { expect, it } from 'vitest';
import { storableJson, storableText, unstorablePlace } from './storable.ts';

it('keeps what PostgreSQL takes as it is', () => {
  expect(storableText('nats-0 🔥 ü')).toBe('nats-0 🔥 ü');
  expect(storableJson({ text: String.raw`C:\u0000`, n: 1 })).toBe(JSON.stringify({ text: String.raw`C:\u0000`, n: 1 }));
});

it('leaves out NUL, and marks half a character', () => {
  expect(storableText('a\u0000b')).toBe('ab');
  expect(JSON.parse(storableJson({ list: ['\u0000x', '🔥'.slice(0, 1)] }))).toEqual({ list: ['x', '\uFFFD'] });
});

it.each([
  ['a\u0000b', '/'],
  [{ name: 'ok 🔥', list: [{ inner: '\ud800' }] }, '/list/0/inner'],
  [{ outer: { 'k\u0000': 1 } }, '/outer'],
  [{ name: 'ok 🔥', n: 1, nothing: null }, undefined],
])('finds in %o what PostgreSQL does not take at %s', (value, place) => {
  expect(unstorablePlace(value)).toBe(place);
});
