import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Findings } from '../findings/finding.ts';
import { givenDigests, pinImages } from './images.ts';

const a = `sha256:${'a'.repeat(64)}`;
const b = `sha256:${'b'.repeat(64)}`;

describe('digests given by hand', () => {
  it('are read from flags and from a file, in the usual ways to write them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'images-'));
    await writeFile(join(folder, 'images.txt'), `# ours\nghcr.io/acme/web:1@${a}\n\nnats:2.15.2 = ${b} # theirs\n`);
    const given = await givenDigests([`acme/db:3=${a}`], 'images.txt', folder);
    await rm(folder, { recursive: true });
    expect([...given]).toEqual([
      ['docker.io/acme/db:3', a],
      ['ghcr.io/acme/web:1', a],
      ['docker.io/library/nats:2.15.2', b],
    ]);
  });

  it.each(['nats', 'nats=sha256:12', `=${a}`, `NATS:1=${a}`])('are refused: %s', async (text) => {
    await expect(givenDigests([text], undefined, '/')).rejects.toThrow('is not REFERENCE=sha256:DIGEST');
  });
});

describe('pinning', () => {
  it('takes what the chart writes before what is given, and that before the registry', async () => {
    const asked: string[] = [];
    const lookup = async (reference: string): Promise<string> => {
      asked.push(reference);
      return b;
    };
    const given = new Map([
      ['docker.io/library/one:1', b],
      ['docker.io/library/two:2', a],
    ]);
    const findings = new Findings();
    expect(await pinImages([`one:1@${a}`, 'two:2', 'three:3', 'three:3'], given, lookup, findings)).toEqual([
      { reference: 'docker.io/library/one:1', digest: a },
      { reference: 'docker.io/library/three:3', digest: b },
      { reference: 'docker.io/library/two:2', digest: a },
    ]);
    expect(asked).toEqual(['docker.io/library/three:3']);
    expect(findings.items).toEqual([]);
  });

  it('tells what stays open, and what was given for nothing', async () => {
    const findings = new Findings();
    expect(await pinImages(['one:1'], new Map([['docker.io/library/two:2', a]]), undefined, findings)).toEqual([]);
    expect(findings.items).toMatchObject([
      { severity: 'error', code: 'image-digest', message: expect.stringContaining('docker.io/library/one:1') },
      { severity: 'warning', code: 'image-unused', message: expect.stringContaining('docker.io/library/two:2') },
    ]);
  });
});
