import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseExposition } from './exposition.ts';

const wanted = new Set(['a', 'b_total', 'h_bucket']);
const read = (text: string) => parseExposition(text, wanted);

describe('a page of metrics', () => {
  it('is read for the wanted metrics only', () => {
    const page = [
      '# HELP a What it is.',
      '# TYPE a gauge',
      'a 1.5',
      '',
      'b_total{code="200",path="/x{y}"} 3e2 1700000000000',
      'h_bucket{le="+Inf",} +7',
      'other{broken because nobody wants it',
    ].join('\n');
    expect(read(page)).toEqual({
      ok: true,
      value: [
        { name: 'a', labels: {}, value: 1.5 },
        { name: 'b_total', labels: { code: '200', path: '/x{y}' }, value: 300 },
        { name: 'h_bucket', labels: { le: '+Inf' }, value: 7 },
      ],
    });
  });

  it.each(['NaN', '+Inf', '-Inf', 'inf'])('has no number where it says %s', (word) => {
    expect(read(`a ${word}`)).toEqual({ ok: true, value: [{ name: 'a', labels: {}, value: Number.NaN }] });
  });

  it('has its escapes undone', () => {
    const [sample] = (read(String.raw`a{x="say \"hi\"\n\\n"} 1`) as { value: { labels: object }[] }).value;
    expect(sample?.labels).toEqual({ x: 'say "hi"\n\\n' });
  });

  it.each([
    ['<html>', 'a page of something else'],
    ['a', 'no value'],
    ['a one', 'a word for a value'],
    ['a{x=1} 1', 'a label without quotes'],
    ['a{x="1" 1', 'labels without an end'],
    ['a{x="1"}2', 'no space before the value'],
    ['a 1 2 3', 'too many words'],
    ['a 0x10', 'a number of another language'],
    [`a{${Array.from({ length: 21 }, (_, n) => `l${n}="x"`).join(',')}} 1`, 'too many labels'],
    [`a{x="${'y'.repeat(9_000)}"} 1`, 'too long a line'],
  ])('is refused as a whole for %s', (line) => {
    expect(read(`b_total 1\n${line}\n`)).toEqual({ ok: false, error: "line 2 is not in Prometheus' text format" });
  });

  it('leaves out a series with a label that is too long to be one', () => {
    expect(read(`a{x="${'y'.repeat(201)}"} 1\nb_total 1`)).toMatchObject({ value: [{ name: 'b_total' }] });
  });

  it('is read or refused, whatever it is', () => {
    const unit = fc.constantFrom('a', '{', '}', '=', '"', '\\', ',', ' ', '\n', '1', '.', '#', 'x');
    fc.assert(fc.property(fc.string({ unit }), (text) => void read(text)));
  });
});
