import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleAgent } from '../../scripts/bundle-agent.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-bundle-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('makes the agent one file of not much more than a megabyte', async () => {
  const path = await bundleAgent(undefined, join(folder, 'agent.js'));
  expect((await stat(path)).size).toBeLessThan(1_100_000);
});

it('says beside it whose work it has in it, with their terms', async () => {
  await bundleAgent(undefined, join(folder, 'agent.js'));
  const licences = await readFile(join(folder, 'LICENSES.txt'), 'utf8');
  expect(licences).toMatch(/^ws \d[\d.]+ \(MIT\)\n\nCopyright [^]*Permission is hereby granted/m);
  expect(licences).toMatch(/^@kubernetes\/client-node \d[\d.]+ \(Apache-2\.0\)\n\nApache License/m);
});

it('refuses an agent with something in it that says nothing about its licence', async () => {
  const home = join(folder, 'node_modules/foundling');
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'package.json'), '{"name":"foundling","type":"module","exports":"./index.js"}');
  await writeFile(join(home, 'index.js'), 'globalThis.x = 1;\n');
  await writeFile(join(folder, 'finds.ts'), "import 'foundling';\n");
  await expect(bundleAgent(join(folder, 'finds.ts'), join(folder, 'bad.js'))).rejects.toThrow(
    /foundling says nothing about its licence/,
  );
});

it('refuses an agent with the generated models of the Kubernetes API in it', async () => {
  const client = join(import.meta.dirname, '../../node_modules/@kubernetes/client-node/dist/config.js');
  await writeFile(join(folder, 'entry.ts'), `import { KubeConfig } from '${client}';\nglobalThis.x = KubeConfig;\n`);
  await expect(bundleAgent(join(folder, 'entry.ts'), join(folder, 'bad.js'))).rejects.toThrow(
    /holds what it must not[^]*generated models/,
  );
});

it('refuses an agent with the library’s engine for computed types in it', async () => {
  const typebox = join(import.meta.dirname, '../../node_modules/typebox/build/index.mjs');
  await writeFile(join(folder, 'types.ts'), `import * as Type from '${typebox}';\nglobalThis.x = Type.Record;\n`);
  await expect(bundleAgent(join(folder, 'types.ts'), join(folder, 'bad.js'))).rejects.toThrow(/computed types/);
});

it('refuses an agent with two copies of a package in it', async () => {
  for (const copy of ['one', 'two']) {
    const home = join(folder, copy, 'node_modules/thing');
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'package.json'), '{"name":"thing","type":"module","exports":"./index.js"}');
    await writeFile(join(home, 'index.js'), `globalThis.${copy} = '${copy}';\n`);
    await writeFile(join(folder, copy, 'index.ts'), "import 'thing';\n");
  }
  await writeFile(join(folder, 'twice.ts'), "import './one/index.ts';\nimport './two/index.ts';\n");
  await expect(bundleAgent(join(folder, 'twice.ts'), join(folder, 'bad.js'))).rejects.toThrow(/thing: twice, from/);
});
