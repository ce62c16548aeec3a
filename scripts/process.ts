import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

/** The repository's root. */
export const ROOT = dirname(import.meta.dirname);

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
