import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build, check } from './check.ts';
import { CLI_PROGRAM, ROOT, run } from './process.ts';
import { clusterKind } from './start/cluster-kind.ts';
import { startFolders } from './start/folders.ts';
import { test } from './test.ts';

type Task = (args: string[]) => void | Promise<void>;

/** The `steward` command in the folder that npm was called in, for the hub of `npm start` unless the environment names another. */
function cli(args: string[]): void {
  const { config, bin } = startFolders();
  if (!existsSync(CLI_PROGRAM)) build();
  // The `helm` of npm start for those who have none of their own; its `kubectl` before any other, which speaks to other clusters, unless one is named.
  const kubectl = join(bin, 'kubectl');
  const env = {
    PATH: [process.env['PATH'], bin].join(delimiter),
    ...(!process.env['XDG_CONFIG_HOME'] && { XDG_CONFIG_HOME: config }),
    ...(!process.env['STEWARD_KUBECTL'] &&
      !process.env['KUBECONFIG'] &&
      existsSync(kubectl) && { STEWARD_KUBECTL: kubectl }),
  };
  process.exit(run('node', [CLI_PROGRAM, ...args], { env, quiet: true, cwd: process.env['INIT_CWD'] }));
}

/** Measures with what is built now; see test/bench. */
function bench(args: string[]): void {
  build();
  process.exit(run('node', [join(ROOT, 'test/bench/main.ts'), ...args], { quiet: true }));
}

/** What `scripts/run.mjs` hands over to, once packages and the pinned Node are there. What is built first is loaded after that. */
const TASKS: Record<string, Task> = {
  start: async () => {
    const kind = clusterKind();
    build();
    const { start } = await import('./start/start.ts');
    await start(kind);
  },
  clean: async (args) => {
    const { clean } = await import('./clean.ts');
    await clean(args);
  },
  check,
  build,
  test,
  'test-long': (args) => {
    build();
    process.exit(run('vitest', ['run', '--project', 'long', ...args]));
  },
  bench,
  cli,
};

const [name = '', ...args] = process.argv.slice(2);
const task = TASKS[name];
if (!task) {
  process.stderr.write(`unknown task "${name}"; there are: ${Object.keys(TASKS).join(', ')}\n`);
  process.exit(2);
}
try {
  await task(args);
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
