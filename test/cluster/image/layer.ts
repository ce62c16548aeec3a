import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withLock } from '../programs/lock.ts';
import { imageFolder, readLabel, removeOlder, writeLabel } from './cache.ts';
import { tarBytes, type TarEntry } from './tar.ts';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** A layer of an image, in a tar file of this machine. */
export interface Layer {
  descriptor: Descriptor;
  path: string;
}

/** Writes the layer and reads it for its digest: seconds for some hundred megabytes. */
export async function packLayer(entries: readonly TarEntry[], path: string): Promise<Layer> {
  await pipeline(tarBytes(entries), createWriteStream(path));
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return layerAt(path, `sha256:${hash.digest('hex')}`);
}

/** The same from the cache when no file of it has changed, by the size, the times and the place on the disk of each. */
export async function cachedLayer(entries: readonly TarEntry[]): Promise<Layer> {
  const path = join(imageFolder(), `layer-${await stampOf(entries)}.tar`);
  return withLock('image-layer', async () => {
    const known = await readLabel(path);
    if (known) return layerAt(path, known.digest);
    const { descriptor } = await packLayer(entries, `${path}.new`);
    await rename(`${path}.new`, path);
    await writeLabel(path, { ref: 'layer', digest: descriptor.digest });
    await removeOlder('layer');
    return { descriptor, path };
  });
}

async function layerAt(path: string, digest: string): Promise<Layer> {
  const { size } = await stat(path);
  return { descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size }, path };
}

async function stampOf(entries: readonly TarEntry[]): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of entries) {
    if (entry.kind !== 'file') hash.update(JSON.stringify(entry));
    else {
      const { content, ...rest } = entry;
      const stamp = Buffer.isBuffer(content) ? content.toString('base64') : await stampOfFile(content.file);
      hash.update(JSON.stringify([rest, stamp]));
    }
  }
  return hash.digest('hex').slice(0, 32);
}

async function stampOfFile(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true });
  return [file, dev, ino, size, mtimeNs].join(' ');
}
