import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { changedParameters } from './parameters.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-parameters-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function changed(text: string) {
  await writeFile(join(folder, 'p.yaml'), text);
  return changedParameters({ a: 1 }, { parameters: 'p.yaml' }, folder);
}

const bomb = ['a: &a [x]', ...Array.from('bcdefgh', (name, at) => bombLine(name, 'abcdefg'[at] ?? ''))].join('\n');

function bombLine(name: string, before: string): string {
  return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(', ')}]`;
}

it.each([
  ['', { a: 1 }],
  ['b: 2', { a: 1, b: 2 }],
  ['{ "a": 3 }', { a: 3 }],
])('lays the file %o over what there is', async (text, expected) => {
  expect(await changed(text)).toEqual(expected);
});

it.each([
  ['a: 1\nc: {{', /p\.yaml:2:\d+: /],
  [bomb, /p\.yaml: Excessive alias count/],
  ['- 1', /p\.yaml is not a map/],
])('calls a file that cannot be read wrong use, and says where: %o', async (text, said) => {
  await expect(changed(text)).rejects.toMatchObject({ exitCode: EXIT.usage, message: expect.stringMatching(said) });
});
