import { KubeError } from '../error.ts';

const NEWLINE = 0x0a;

export interface LineReader {
  maxLineBytes: number;
  onChunk: () => void;
  onLine: (line: string) => void;
}

/** Splits a stream of bytes into lines, of which at most one is held. @throws KubeError `TooLarge` */
export async function readLines(stream: AsyncIterable<Buffer>, reader: LineReader): Promise<void> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const chunk of stream) {
    reader.onChunk();
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      const line = held.length === 0 ? piece : Buffer.concat([...held, piece]);
      held = [];
      heldBytes = 0;
      start = end + 1;
      if (line.byteLength > 0) reader.onLine(line.toString('utf8'));
    }
    if (start === chunk.byteLength) continue;
    held.push(chunk.subarray(start));
    heldBytes += chunk.byteLength - start;
    if (heldBytes > reader.maxLineBytes)
      throw new KubeError(`one line of a stream is larger than ${reader.maxLineBytes} bytes`, {
        status: 0,
        reason: 'TooLarge',
      });
  }
}
