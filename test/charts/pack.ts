import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
export function packChart(name: string): Promise<Buffer> {
  return pack(folder, name);
}

/** The same chart, each of its subcharts in an archive of its own: as `helm dependency update` gets them. */
export async function packChartOfPacked(name: string): Promise<Buffer> {
  const copy = await mkdtemp(join(tmpdir(), 'steward-chart-'));
  try {
    await cp(chartFolder(name), join(copy, name), { recursive: true });
    const charts = join(copy, name, 'charts');
    for (const part of await readdir(charts)) {
      await writeFile(join(charts, `${part}-1.0.0.tgz`), await pack(charts, part));
      await rm(join(charts, part), { recursive: true });
    }
    return await pack(copy, name);
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function pack(directory: string, name: string): Promise<Buffer> {
  const args = [
    '--create',
    '--gzip',
    '--directory',
    directory,
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
