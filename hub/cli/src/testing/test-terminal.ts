import { PassThrough, Readable } from 'node:stream';
import type { Terminal } from '../terminal/terminal.ts';

export interface TestTerminal extends Terminal {
  readonly stdout: () => string;
  readonly stderr: () => string;
  interrupt(): void;
}

export interface TestTerminalOptions {
  env?: Record<string, string | undefined>;
  input?: string;
  isTty?: boolean;
  cwd?: string;
  columns?: number;
}

/** A terminal that keeps what is written to it. */
export function testTerminal(options: TestTerminalOptions = {}): TestTerminal {
  const { env = {}, input, isTty = false, cwd = '/', columns = 200 } = options;
  const stop = new AbortController();
  let stdout = '';
  let stderr = '';
  return {
    out: (text) => void (stdout += text),
    err: (text) => void (stderr += text),
    stdout: () => stdout,
    stderr: () => stderr,
    input: input === undefined ? new PassThrough() : Readable.from([input]),
    outIsTty: isTty,
    errIsTty: isTty,
    inputIsTty: false,
    columns: () => columns,
    rows: () => 40,
    env,
    cwd,
    signal: stop.signal,
    now: () => new Date('2026-11-21T12:00:00Z'),
    interrupt: () => stop.abort(),
  };
}
