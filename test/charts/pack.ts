import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { buffer, text } from 'node:stream/consumers';
import { once } from 'node:events';

const folder = fileURLToPath(new URL('.', import.meta.url));

export function chartFolder(name: string): string {
  return join(folder, name);
}

/** A chart of this folder as `helm package` would make it: the bytes that a release names by digest. */
export async function packChart(name: string): Promise<Buffer> {
  const args = [
    '--create',
    '--gzip',
    '--directory',
    folder,
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    name,
  ];
  const tar = spawn('tar', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(tar, 'close');
  const [packed, said] = await Promise.all([buffer(tar.stdout), text(tar.stderr)]);
  const [code] = await exit;
  if (code !== 0) throw new Error(`tar could not pack the chart ${name}: ${said}`);
  return packed;
}
