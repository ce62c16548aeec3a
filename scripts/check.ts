import { spawnSync } from 'node:child_process';
import { mustRun, ROOT } from './process.ts';

/** Compiles every workspace in the order of their dependencies, and only what changed (Nx keeps the results). Says nothing when all is well. */
export function build(): void {
  // No daemon: nothing that we start stays behind.
  const env = { ...process.env, NX_DAEMON: 'false' };
  const args = ['run-many', '-t', 'build', '--outputStyle=static'];
  const result = spawnSync('nx', args, { cwd: ROOT, encoding: 'utf8', env });
  if (result.status === 0) return;
  process.stderr.write(`${result.error?.message ?? ''}${result.stdout}${result.stderr}\nthe build failed: see above\n`);
  process.exit(1);
}

/** What takes seconds: format, types, lint. */
export function check(): void {
  mustRun('oxfmt', ['--check']);
  build();
  mustRun('tsc', ['-p', 'test']);
  mustRun('oxlint', ['--deny-warnings']);
}
