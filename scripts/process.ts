import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

/** The repository's root. */
export const ROOT = dirname(import.meta.dirname);

/** As the build makes them; see bundle-node-program.ts. */
export const HUB_PROGRAM = join(ROOT, 'hub/dist/bundle/steward-hub.js');
export const CLI_PROGRAM = join(ROOT, 'hub/cli/dist/bundle/steward.js');

interface RunOptions {
  /** Default: the repository's root. */
  cwd?: string | undefined;
  env?: Record<string, string>;
  /** Without the line that says what is run. */
  quiet?: boolean;
}

/** Runs a program with our standard streams; its exit code, 1 when it died of a signal. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): number {
  if (!options.quiet) process.stderr.write(`\n▸ ${command} ${args.join(' ')}\n`);
  const env = { ...process.env, ...options.env };
  const result = spawnSync(command, args, { cwd: options.cwd ?? ROOT, stdio: 'inherit', env });
  if (result.error) process.stderr.write(`${command} could not be started: ${result.error.message}\n`);
  return result.status ?? 1;
}

/** Like {@link run}, and ends this process with the code when it is not 0. */
export function mustRun(command: string, args: readonly string[]): void {
  const code = run(command, args);
  if (code !== 0) process.exit(code);
}
