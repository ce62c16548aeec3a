import { createReadStream } from 'node:fs';

export type TarEntry =
  | { kind: 'folder'; path: string; mode: number }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'file'; path: string; mode: number; size: number; content: Buffer | { file: string } };

const blockBytes = 512;

/**
 * The bytes of a tar file (ustar) with the entries in the given order. Owner, group and times are zero, so the same
 * entries are the same bytes. Files are streamed; one that is not as long as promised ends it with an error.
 */
export async function* tarBytes(entries: readonly TarEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    yield header(entry);
    if (entry.kind !== 'file') continue;
    yield* Buffer.isBuffer(entry.content) ? [entry.content] : wholeFile(entry.content.file, entry.size);
    yield Buffer.alloc((blockBytes - (entry.size % blockBytes)) % blockBytes);
  }
  yield Buffer.alloc(2 * blockBytes);
}

/** How many bytes the entries are, without the empty blocks that end a tar file (which readers do not insist on). */
export function tarLength(entries: readonly TarEntry[]): number {
  const blocks = entries.map((entry) => 1 + (entry.kind === 'file' ? Math.ceil(entry.size / blockBytes) : 0));
  return blocks.reduce((total, count) => total + count * blockBytes, 0);
}

async function* wholeFile(file: string, size: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a file stream without encoding yields buffers');
    bytes += chunk.length;
    yield chunk;
  }
  if (bytes !== size) throw new Error(`${file} changed while it was being packed: ${bytes} bytes instead of ${size}`);
}

const types = { file: '0', link: '2', folder: '5' } as const;

function header(entry: TarEntry): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, width: number): void => {
    block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1');
  };
  const [prefix, name] = splitPath(entry.kind === 'folder' ? `${entry.path}/` : entry.path);
  block.write(name, 0, 'utf8');
  octal(entry.kind === 'link' ? 0o777 : entry.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.kind === 'file' ? entry.size : 0, 124, 12);
  octal(0, 136, 12);
  block.write(' '.repeat(8), 148, 'latin1');
  block.write(types[entry.kind], 156, 'latin1');
  if (entry.kind === 'link') block.write(entry.target, 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(prefix, 345, 'utf8');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** ustar has 100 bytes for the name and 155 for the folders before it. */
function splitPath(path: string): [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (name && Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return [prefix, name];
  }
  throw new Error(`${path} is too long for a tar entry: shorten it below 255 bytes`);
}
