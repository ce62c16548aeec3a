import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Metafile } from 'esbuild';

/** Beside each bundle, and to be handed on with it. */
export const LICENCES = 'LICENSES.txt';

const TEXTS = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/**
 * Writes down whose work a bundle has in it and under what terms: the licences of most of it ask for their text in every copy.
 * @throws Error when a package says nothing about its licence
 */
export async function writeLicences({ inputs, outputs }: Metafile): Promise<void> {
  const folders = new Set(packagesIn(inputs).map(({ folder, name }) => folder + name));
  const texts = await Promise.all([...folders].map(licenceOf));
  const rule = `\n${'-'.repeat(80)}\n`;
  const [program = ''] = Object.keys(outputs);
  await writeFile(join(dirname(program), LICENCES), texts.sort().join(rule));
}

/** Of each file in a bundle the innermost package that it belongs to, by its name, and the `node_modules` that this lies in; none of our own. */
export function packagesIn(inputs: Metafile['inputs']): { folder: string; name: string }[] {
  return Object.keys(inputs).flatMap((path) => {
    const [, folder, name] = /^(.*node_modules\/)((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    return folder === undefined || name === undefined ? [] : [{ folder, name }];
  });
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version, license }: Record<string, unknown> = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  );
  const files = (await readdir(folder)).filter((file) => TEXTS.test(file)).sort();
  if (typeof license !== 'string' && files.length === 0)
    throw new Error(`${folder} says nothing about its licence: it cannot be part of a bundle`);
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const terms = typeof license === 'string' ? license : 'as below';
  return [`${String(name)} ${String(version)} (${terms})`, ...texts.map((text) => text.trim())].join('\n\n') + '\n';
}
