import type { BuildOptions } from 'esbuild';

/** What all our programs are: one ES module for Node 24 with what it uses in it, under the names that it had. */
export const NODE_BUNDLE = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions;
