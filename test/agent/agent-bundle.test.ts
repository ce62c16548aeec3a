import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleAgent } from '../../scripts/bundle-agent.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bundle-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('makes the agent one file of less than a megabyte', async () => {
  const path = await bundleAgent(undefined, join(folder, 'agent.js'));
  expect((await stat(path)).size).toBeLessThan(1024 * 1024);
});

it('refuses an agent with the generated models of the Kubernetes API in it', async () => {
  const client = join(import.meta.dirname, '../../node_modules/@kubernetes/client-node/dist/config.js');
  await writeFile(join(folder, 'entry.ts'), `import { KubeConfig } from '${client}';\nglobalThis.x = KubeConfig;\n`);
  await expect(bundleAgent(join(folder, 'entry.ts'), join(folder, 'bad.js'))).rejects.toThrow(
    /holds what it must not[^]*generated models/,
  );
});
