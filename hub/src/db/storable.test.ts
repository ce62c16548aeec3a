import { expect, it } from 'vitest';
import { storableJson, storableText } from './storable.ts';

it('keeps what PostgreSQL takes as it is', () => {
  expect(storableText('nats-0 🔥 ü')).toBe('nats-0 🔥 ü');
  expect(storableJson({ text: String.raw`C:\u0000`, n: 1 })).toBe(JSON.stringify({ text: String.raw`C:\u0000`, n: 1 }));
});

it('leaves out NUL, and marks half a character', () => {
  expect(storableText('a\u0000b')).toBe('ab');
  expect(JSON.parse(storableJson({ list: ['\u0000x', '🔥'.slice(0, 1)] }))).toEqual({ list: ['x', '\uFFFD'] });
});
