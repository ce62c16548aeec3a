import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { waitUntil } from './wait-until.ts';

export interface NpmStart {
  /** All that it has printed, without its progress. */
  said: string;
  /** Ctrl-C; resolves when it has stopped everything. Safe twice. */
  interrupt: () => Promise<void>;
}

/** `npm start` in this folder until it has printed the words. @throws Error when it ends before, or takes longer */
export async function npmStart(options: {
  cwd: string;
  until: string;
  timeoutMs: number;
  env?: NodeJS.ProcessEnv;
}): Promise<NpmStart> {
  const { cwd, until, timeoutMs, env = process.env } = options;
  // A process group of its own, which Ctrl-C in its terminal would reach as a whole.
  const child = spawn('npm', ['start'], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  child.once('close', (code) => (failure = new Error(`npm start ended with ${code}`)));
  const isOver = (): boolean => failure !== undefined || said.includes(until);
  await waitUntil(isOver, { what: `npm start says "${until}"`, timeoutMs, intervalMs: 50 });
  if (failure) throw failure;
  return { said, interrupt: () => interrupt(child) };
}

async function interrupt(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = once(child, 'close');
  process.kill(-child.pid, 'SIGINT');
  await closed;
}
