import { sha256 } from '@steward/shared';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readChartArchive, type ChartFiles } from './chart-files.ts';
import { packChart, storedGzip } from './pack.ts';

const longPath = `templates/${'deep/'.repeat(30)}file.yaml`;
const files: ChartFiles = new Map([
  ['values.yaml', Buffer.from('a: 1\n')],
  ['Chart.yaml', Buffer.from('name: web\n')],
  [longPath, Buffer.from('kind: ConfigMap\n')],
]);

it('gives the same bytes for the same files, in whatever order they were read', async () => {
  const reversed: ChartFiles = new Map([...files].reverse());
  const packed = await packChart('web', files);
  expect(sha256(await packChart('web', reversed))).toBe(sha256(packed));
  // The digest of this very chart, for ever: a change of the packer would give every release a new digest.
  expect(sha256(packed)).toBe('sha256:e57fa99e662aa21f6fe04b7d4156483815bb4ccfe57f1b3e2d09343ddc46357b');
});

it('is read back file by file', async () => {
  const read = await readChartArchive(await packChart('web', files), 'web.tgz');
  expect([...read.keys()].sort()).toEqual(['Chart.yaml', longPath, 'values.yaml'].sort());
  expect(read.get('values.yaml')?.toString()).toBe('a: 1\n');
});

it.each([0, 1, 65_535, 65_536, 200_000])('stores %i bytes so that any gunzip reads them', (length) => {
  const bytes = Buffer.alloc(length, 'steward');
  expect(gunzipSync(storedGzip(bytes)).equals(bytes)).toBe(true);
});
