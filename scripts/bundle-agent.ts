import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { packagesIn, writeLicences } from './bundle-licences.ts';
import { NODE_BUNDLE } from './node-bundle.ts';

const root = join(import.meta.dirname, '..');
export const AGENT_BUNDLE = join(root, 'agent/dist/bundle/agent.js');

/**
 * What must not get into the agent by way of a deep import, and what it would cost. Each of them has happened to somebody: see
 * docs/decisions/0030-kubernetes-client.md.
 */
const UNWANTED: { pattern: RegExp; why: string }[] = [
  { pattern: /client-node\/dist\/gen\//, why: 'the generated models of the Kubernetes API (200 MiB at run time)' },
  { pattern: /client-node\/dist\/(index|config)\.js/, why: 'all of client-node' },
  {
    pattern: /node_modules\/(undici|openid-client|jsonpath-plus|js-yaml)\//,
    why: 'a dependency of the parts of client-node we do not use',
  },
  {
    pattern: /typebox\/build\/type\/engine\/instantiate\.mjs$/,
    why: 'the engine for computed types (92 kB): see shared/src/schema-map.ts',
  },
  { pattern: /(^|\/)(vitest|src\/testing)\//, why: 'something only tests need' },
];

/**
 * Makes the agent one file: an ES module for Node 24 with everything in it.
 * @returns its path
 * @throws Error when something got in that must not
 */
export async function bundleAgent(
  entry: string = join(root, 'agent/src/main.ts'),
  outfile: string = AGENT_BUNDLE,
): Promise<string> {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    ...NODE_BUNDLE,
    // The source text stays in memory: fewer characters, fewer pages. Names stay, for stack traces.
    minifySyntax: true,
    minifyWhitespace: true,
    metafile: true,
    alias: { '@steward/shared': join(root, 'shared/src/index.ts') },
    // CommonJS packages inside an ES module still call require for Node's own modules.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    // Optional native parts of ws, which it does without.
    external: ['bufferutil', 'utf-8-validate'],
  });
  const found = [...unwantedIn(metafile), ...twiceIn(metafile)];
  if (found.length > 0) throw new Error(`the agent's bundle holds what it must not:\n  ${found.join('\n  ')}`);
  await writeLicences(metafile);
  return outfile;
}

function unwantedIn({ outputs }: Metafile): string[] {
  const parts = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const names = parts.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([name]) => name);
  return UNWANTED.flatMap(({ pattern, why }) => {
    const path = names.find((name) => pattern.test(name));
    return path === undefined ? [] : [`${path}: ${why}`];
  });
}

/** Packages of which npm installed more than one copy, each with its own share of memory: one version for all, named in the root, mends it. */
function twiceIn({ inputs }: Metafile): string[] {
  return [...Map.groupBy(packagesIn(inputs), ({ name }) => name)].flatMap(([name, found]) => {
    const folders = new Set(found.map(({ folder }) => folder));
    return folders.size < 2 ? [] : [`${name}: twice, from ${[...folders].join(' and ')}`];
  });
}

if (process.argv[1] === import.meta.filename) {
  const path = await bundleAgent();
  const { size } = await stat(path);
  process.stdout.write(`${path}: ${(size / 1024).toFixed(0)} kB\n`);
}
