import { crc32 } from 'node:zlib';
import { pack } from 'tar-stream';
import { readBytes } from '../bytes.ts';
import type { ChartFiles } from './chart-files.ts';

/** Any fixed moment would do; some tools warn of 1970. */
const FIXED_TIME = new Date('2000-01-01T00:00:00Z');
const maxStoredBlock = 0xffff;

/**
 * A gzip file that holds the bytes as they are. Compressors differ between zlib builds and processors; stored
 * blocks are the same everywhere, so the same chart has the same digest on a laptop and in CI.
 * Source: RFC 1952 (container), RFC 1951 section 3.2.4 (stored blocks).
 */
export function storedGzip(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])];
  for (let at = 0; at === 0 || at < bytes.length; at += maxStoredBlock) {
    const block = bytes.subarray(at, at + maxStoredBlock);
    const head = Buffer.alloc(5);
    head.writeUInt8(at + maxStoredBlock >= bytes.length ? 1 : 0, 0);
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(block.length ^ 0xffff, 3);
    parts.push(head, block);
  }
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(bytes), 0);
  tail.writeUInt32LE(bytes.length % 2 ** 32, 4);
  return Buffer.concat([...parts, tail]);
}

/** Packs a chart so that the same files give the same bytes: sorted, one time, one owner, one mode, not compressed. */
export async function packChart(name: string, files: ChartFiles): Promise<Buffer> {
  const tar = pack();
  const paths = [...files.keys()].sort();
  for (const path of paths) {
    const header = { name: `${name}/${path}`, mode: 0o644, mtime: FIXED_TIME, uid: 0, gid: 0, uname: '', gname: '' };
    tar.entry(header, files.get(path) ?? Buffer.alloc(0));
  }
  tar.finalize();
  return storedGzip(await readBytes(tar, Number.MAX_SAFE_INTEGER));
}
