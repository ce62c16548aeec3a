import { join } from 'node:path';
import { build } from 'esbuild';
import { writeLicences } from './bundle-licences.ts';
import { NODE_BUNDLE } from './node-bundle.ts';

/** What the libraries of the hub load only when it is there: it is not, and they do without; but for argon2, which is native code. */
const LEFT_OUT = [
  '@fastify/multipart',
  '@fastify/static',
  '@fastify/view',
  '@nestjs/microservices',
  '@nestjs/microservices/*',
  '@nestjs/platform-express',
  '@nestjs/platform-socket.io',
  '@node-rs/argon2',
  'bufferutil',
  'class-transformer',
  'class-validator',
  'pg-native',
  'utf-8-validate',
];

/**
 * `node scripts/bundle-node-program.ts NAME=FILE…`, called in a workspace after the compiler: each compiled FILE becomes
 * `dist/bundle/NAME.js` with the libraries it uses. A program that loads one file starts several times faster than one that
 * loads thousands (docs/decisions/0176-programs-are-one-file.md). Names and lines stay as they are, for those who read a stack.
 */
const entryPoints = Object.fromEntries(
  process.argv.slice(2).map((argument) => {
    const [name = '', file = ''] = argument.split('=');
    return [name, join(process.cwd(), file)];
  }),
);
const { metafile } = await build({
  entryPoints,
  outdir: 'dist/bundle',
  ...NODE_BUNDLE,
  keepNames: true,
  external: LEFT_OUT,
  metafile: true,
  // CommonJS packages inside an ES module still ask for these.
  banner: {
    js: [
      "import{createRequire as __createRequire}from'node:module';",
      'const require=__createRequire(import.meta.url),__filename=import.meta.filename,__dirname=import.meta.dirname;',
    ].join(''),
  },
});
await writeLicences(metafile);
