import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBytes } from '../bytes.ts';
import { readChartArchive, readChartFolder } from './chart-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chart-'));
  await mkdir(join(folder, 'templates'));
  await writeFile(join(folder, 'Chart.yaml'), 'name: web\n');
  await writeFile(join(folder, 'templates/a.yaml'), 'kind: ConfigMap\n');
});
afterEach(() => rm(folder, { recursive: true }));

describe('a chart folder', () => {
  it('is read without what .helmignore and Helm itself leave out', async () => {
    await writeFile(join(folder, '.helmignore'), '# notes\n*.md\n/ci/\n');
    await writeFile(join(folder, 'README.md'), 'x');
    await writeFile(join(folder, 'templates/.swp'), 'x');
    await mkdir(join(folder, 'ci'));
    await writeFile(join(folder, 'ci/values.yaml'), 'x');
    const paths = [...(await readChartFolder(folder)).keys()];
    expect(paths).toEqual(['.helmignore', 'Chart.yaml', 'templates/a.yaml']);
  });

  it('with a symbolic link is refused, naming it', async () => {
    await symlink('/etc/passwd', join(folder, 'templates/passwd'));
    await expect(readChartFolder(folder)).rejects.toThrow('templates/passwd is a symbolic link');
  });

  it('with a .helmignore that Helm would refuse is refused', async () => {
    await writeFile(join(folder, '.helmignore'), '**/secret\n');
    await expect(readChartFolder(folder)).rejects.toThrow('** is not supported');
  });
});

async function archive(header: { name: string; type?: 'symlink'; linkname?: string }, body = ''): Promise<Buffer> {
  const tar = pack();
  tar.entry(header, body);
  tar.finalize();
  return gzipSync(await readBytes(tar, 2 ** 30));
}

describe('a packed chart', () => {
  it.each(['../evil', '/etc/passwd', 'web/../../evil', 'Chart.yaml'])('with the path %s is refused', async (name) => {
    await expect(readChartArchive(await archive({ name }, 'x'), 'web.tgz')).rejects.toThrow(
      "outside the chart's folder",
    );
  });

  it('with a link is refused', async () => {
    const bytes = await archive({ name: 'web/a', type: 'symlink', linkname: '/etc/passwd' });
    await expect(readChartArchive(bytes, 'web.tgz')).rejects.toThrow('is a symlink');
  });

  it('that unpacks to more than the limit is refused before it is held', async () => {
    const bytes = await archive({ name: 'web/big' }, '0'.repeat(41 * 1024 * 1024));
    expect(bytes.length).toBeLessThan(100_000);
    await expect(readChartArchive(bytes, 'web.tgz')).rejects.toThrow('more than 40 MiB');
  });

  it('that is none is refused with what to give instead', async () => {
    await expect(readChartArchive(Buffer.from('hello'), 'web.tgz')).rejects.toMatchObject({
      message: expect.stringContaining('is not a packed chart'),
      action: expect.stringContaining('helm package'),
    });
  });
});
