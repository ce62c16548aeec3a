import { expect, it } from 'vitest';
import { headline, oneLine, printable } from './terminal.ts';

it('takes the first line, and of a long one the sentences that fit', () => {
  expect(headline('waits\nTo approve: …')).toBe('waits');
  expect(headline(`Asks. ${'x'.repeat(200)}`)).toBe('Asks.');
  expect(headline('y'.repeat(200))).toBe(`${'y'.repeat(160)}…`);
});

it('takes out what could steer a terminal, and nothing else', () => {
  expect(printable('ü \u001b[31mred\u001b[0m\r\u0000\u009b\u202e\nnext')).toBe('ü [31mred[0m\nnext');
  expect(oneLine('a \r\n\t b')).toBe('a b');
});
