import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from './process.ts';

/** Of each workspace: what a file in one of its folders may not import. */
const FORBIDDEN: Record<string, readonly string[]> = {
  'shared/src/frames': [
    '../../../hub/src/db/db.ts',
    '../../../agent/src/log.ts',
    '@steward/hub',
    '@nestjs/common',
    'pg',
  ],
  'agent/src/link': [
    '../../../hub/src/db/db.ts',
    '../../../shared/src/ids.ts',
    '@steward/hub',
    '@steward/cli',
    'typeorm',
  ],
  'hub/src/db': ['../../../agent/src/log.ts', '../../cli/src/main.ts', '@steward/agent', '@kubernetes/client-node'],
  'hub/cli/src/chart': [
    '../../../src/db/db.ts',
    '../../../../agent/src/log.ts',
    '@steward/hub',
    '@steward/console',
    'pg',
  ],
  'hub/console/src': ['../../src/db/db.ts', '../../cli/src/main.ts', '@steward/agent', '@nestjs/common'],
};
const ALLOWED = ['node:path', './own.ts', '../own/own.ts'];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'steward-boundaries-'));
  const config = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8')) as object;
  // The rest of the repository is not there for types to be known.
  writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify({ ...config, options: { typeAware: false } }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the linter says of a file with these imports, one in each line: the numbers of the lines it refuses. */
function refusedLines(file: string, imports: readonly string[]): number[] {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  const lines = imports.map((from, index) => `import { a as a${index} } from '${from}';`);
  const uses = imports.map((_, index) => `a${index}`).join(', ');
  writeFileSync(path, `${lines.join('\n')}\nexport const all = [${uses}];\n`);
  const { stdout } = spawnSync('oxlint', ['--format', 'json', file], { cwd: folder, encoding: 'utf8' });
  const { diagnostics } = JSON.parse(stdout) as {
    diagnostics: { code: string; labels: { span: { line: number } }[] }[];
  };
  const refused = diagnostics.filter(({ code }) => code.includes('no-restricted-imports'));
  return refused.flatMap(({ labels }) => labels.map(({ span }) => span.line)).sort((a, b) => a - b);
}

it.each(Object.entries(FORBIDDEN))('a forbidden import that is planted in %s fails the linter', (where, forbidden) => {
  const contract = where.startsWith('shared/') ? [] : ['@steward/shared'];
  const imports = [...forbidden, ...contract, ...ALLOWED];
  expect(refusedLines(join(where, 'planted.ts'), imports)).toEqual(forbidden.map((_, index) => index + 1));
});
