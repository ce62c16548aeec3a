import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runCommand } from '../programs/run-command.ts';
import type { TarEntry } from './tar.ts';

/** A file of an image, from this machine or given; a folder is only needed for its mode, parents are made. */
export type ImageFile =
  | { to: string; from: string; mode?: number }
  | { to: string; content: string | Buffer; mode?: number }
  | { to: string; folder: true; mode?: number };

/** What the files are in a layer: sorted, with the folders they are in. */
export async function layerEntries(files: readonly ImageFile[]): Promise<TarEntry[]> {
  const entries = new Map<string, TarEntry>();
  for (const file of files) {
    const path = file.to.replace(/^\/+|\/+$/g, '');
    for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
      if (!entries.has(parent)) entries.set(parent, { kind: 'folder', path: parent, mode: 0o755 });
    }
    if ('folder' in file) entries.set(path, { kind: 'folder', path, mode: file.mode ?? 0o755 });
    else if ('content' in file) {
      const content = Buffer.from(file.content);
      entries.set(path, { kind: 'file', path, mode: file.mode ?? 0o644, size: content.length, content });
    } else {
      const { size } = await stat(file.from);
      entries.set(path, { kind: 'file', path, mode: file.mode ?? 0o644, size, content: { file: file.from } });
    }
  }
  return [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Libraries a dynamic binary of this machine is loaded with, at the paths its loader looks for. None for a static one. */
export async function sharedLibraries(binary: string): Promise<ImageFile[]> {
  const listed = await runCommand(['ldd', binary]).catch((error: unknown) => {
    if (error instanceof Error && error.message.includes('not a dynamic executable')) return '';
    throw error;
  });
  if (listed.includes('not found')) throw new Error(`${binary} lacks a library on this machine:\n${listed}`);
  const paths = [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  return Promise.all(paths.map(async (path) => ({ from: await realpath(path), to: path, mode: 0o755 })));
}
