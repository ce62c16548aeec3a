import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface CommandOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** What the program reads from stdin; it reads nothing unless told. */
  input?: Readable;
  /** Each piece of what it says on stderr, as it comes. */
  onSaid?: (text: string) => void;
}

const keptOutputBytes = 4 << 20;

/**
 * Runs a program to its end and returns what it wrote to stdout (the last 4 MiB). Rejects when it cannot start, fails,
 * is aborted, or outlasts `timeoutMs` (a minute unless told); the message carries the command and its last lines.
 */
export function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program = '', ...args] = command;
  const timeoutMs = options.timeoutMs ?? 60_000;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    signal: options.signal,
  });
  // A program that ends before it has read all says why by its exit code.
  if (options.input) pipeline(options.input, child.stdin).catch(() => undefined);
  else child.stdin.end();
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = (stdout + text).slice(-keptOutputBytes)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-keptOutputBytes);
    options.onSaid?.(text);
  });
  const startedAt = Date.now();
  child.on('error', (cause) => reject(new Error(`cannot run ${command.join(' ')}: ${cause.message}`, { cause })));
  child.on('close', (code, endedBy) => {
    if (code === 0) return resolve(stdout);
    const late = Date.now() - startedAt >= timeoutMs;
    const ending = late ? `took longer than ${timeoutMs / 1000} s` : `failed (${endedBy ?? `exit code ${code}`})`;
    reject(new Error(`${command.join(' ')} ${ending}:\n${lastLines(stderr || stdout)}`));
  });
  return promise;
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-15).join('\n');
}
