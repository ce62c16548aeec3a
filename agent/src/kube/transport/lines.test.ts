import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readLines } from './lines.ts';

async function linesOf(chunks: readonly Buffer[], onLine?: (line: string) => void): Promise<string[]> {
  const lines: string[] = [];
  const take = (line: string): void => {
    lines.push(line);
    onLine?.(line);
  };
  await readLines(Readable.from(chunks), { maxLineBytes: 10, onChunk: () => {}, onLine: take });
  return lines;
}

describe('the lines of a stream', () => {
  it('are whole wherever the bytes are cut, and empty ones are none', async () => {
    const bytes = Buffer.from('grün\n\none\ntwo\n');
    for (let at = 1; at < bytes.length; at += 1) {
      const chunks = [bytes.subarray(0, at), bytes.subarray(at)];
      expect(await linesOf(chunks)).toEqual(['grün', 'one', 'two']);
    }
    expect(await linesOf([...bytes].map((byte) => Buffer.from([byte])))).toEqual(['grün', 'one', 'two']);
  });

  it('end at one that is too large, of which no more is held', async () => {
    const chunks = [Buffer.from('one\n'), Buffer.from('1234567'), Buffer.from('89012'), Buffer.from('3\ntwo\n')];
    await expect(linesOf(chunks)).rejects.toMatchObject({ reason: 'TooLarge' });
  });

  it('end with what the reader throws, and are not told further', async () => {
    const told: string[] = [];
    const reading = linesOf([Buffer.from('one\n'), Buffer.from('two\n'), Buffer.from('three\n')], (line) => {
      told.push(line);
      if (line === 'two') throw new Error('enough');
    });
    await expect(reading).rejects.toThrow('enough');
    expect(told).toEqual(['one', 'two']);
  });

  it('fail where the stream is cut off', async () => {
    const stream = new Readable({ read: () => {} });
    const reading = readLines(stream, { maxLineBytes: 10, onChunk: () => stream.destroy(), onLine: () => {} });
    stream.push('on');
    await expect(reading).rejects.toThrow(/close/i);
  });
});
