import { EXIT } from '../exit-codes.ts';
import type { Terminal } from './terminal.ts';

/**
 * The terminal of this process. A reader that went away (`steward … | head`) and Ctrl-C abort the signal; a second Ctrl-C
 * ends the process at once. Output that cannot be written, as to a full disk, is an end that did not come out well.
 */
export function processTerminal(): { terminal: Terminal; wasInterrupted: () => boolean; wasUnwritable: () => boolean } {
  const stop = new AbortController();
  let state: 'running' | 'interrupted' | 'unread' | 'unwritable' = 'running';
  const onBroken = (error: NodeJS.ErrnoException): void => {
    if (state === 'unread' || state === 'unwritable') return;
    state = error.code === 'EPIPE' ? 'unread' : 'unwritable';
    stop.abort();
    if (state === 'unread') return;
    // The command may have ended before: what it wrote last tells only now.
    process.exitCode = EXIT.failed;
    process.stderr.write(`error: cannot write the output: ${error.message}\n`);
  };
  process.stdout.on('error', onBroken);
  process.stderr.on('error', onBroken);
  const onSignal = (): void => {
    if (state === 'interrupted') process.exit(130);
    state = 'interrupted';
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const write = (stream: NodeJS.WriteStream, text: string): void => {
    if (state !== 'unread' && state !== 'unwritable') stream.write(text);
  };
  return {
    wasInterrupted: () => state === 'interrupted',
    wasUnwritable: () => state === 'unwritable',
    terminal: {
      out: (text) => write(process.stdout, text),
      err: (text) => write(process.stderr, text),
      get input() {
        return process.stdin;
      },
      outIsTty: process.stdout.isTTY === true,
      errIsTty: process.stderr.isTTY === true,
      inputIsTty: process.stdin.isTTY === true,
      columns: () => process.stdout.columns || 120,
      rows: () => process.stdout.rows || 40,
      env: Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== '')),
      cwd: process.cwd(),
      signal: stop.signal,
      now: () => new Date(),
    },
  };
}
