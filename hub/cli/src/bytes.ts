export class TooLongError extends Error {
  override readonly name = 'TooLongError';
}

/** All of a stream of bytes. @throws TooLongError when it is longer than the bound, Error when it breaks off */
export async function readBytes(stream: AsyncIterable<unknown>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const part = chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.from(String(chunk));
    bytes += part.length;
    if (bytes > maxBytes) throw new TooLongError(`it is longer than ${maxBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks);
}
