import { mkdir, rm } from 'node:fs/promises';
import { runCommand } from './run-command.ts';

export interface GoSource {
  /** The folder of the Go module. */
  folder: string;
  package: string;
  environment: NodeJS.ProcessEnv;
}

export interface GoBuildOptions {
  flags: readonly string[];
  /** What the compiler writes on its way; empty before, and gone after it, however it ends. */
  scratch: string;
  /** Gets a line a minute. */
  log: (line: string) => void;
  signal: AbortSignal | undefined;
}

const MAX_BUILD_MS = 45 * 60_000;
const TELL_EVERY_MS = 60_000;

/** Compiles a Go program, and tells how far it is. @throws when it fails, is aborted, or takes longer than 45 minutes */
export async function goBuild(source: GoSource, { flags, scratch, log, signal }: GoBuildOptions): Promise<void> {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  const options = {
    cwd: source.folder,
    env: { ...source.environment, GOTMPDIR: scratch },
    timeoutMs: MAX_BUILD_MS,
    signal,
  };
  const startedAtMs = performance.now();
  const progress = { compiled: 0, total: 0 };
  const timer = setInterval(() => log(told(progress, performance.now() - startedAtMs)), TELL_EVERY_MS);
  try {
    // This fetches the modules, too.
    const needed = await runCommand(['go', 'list', '-mod=readonly', '-deps', source.package], options);
    progress.total = needed.trim().split('\n').length;
    await runCommand(['go', 'build', '-v', ...flags, source.package], {
      ...options,
      onSaid: (text) => (progress.compiled += text.split('\n').length - 1),
    });
  } finally {
    clearInterval(timer);
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** With fewer than all of the packages it may be done: what another program had compiled is not compiled again. */
function told({ compiled, total }: { compiled: number; total: number }, sinceMs: number): string {
  const minutes = `after ${Math.round(sinceMs / 60_000)} min`;
  return total === 0
    ? `fetching modules ${minutes} …`
    : `${compiled} of at most ${total} packages compiled ${minutes} …`;
}
