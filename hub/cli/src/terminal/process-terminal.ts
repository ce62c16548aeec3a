import type { Terminal } from './terminal.ts';

/**
 * The terminal of this process. A reader that went away (`steward … | head`) and Ctrl-C abort the signal; a second Ctrl-C
 * ends the process at once.
 */
export function processTerminal(): { terminal: Terminal; wasInterrupted: () => boolean } {
  const stop = new AbortController();
  let state: 'running' | 'interrupted' | 'unread' = 'running';
  const onBroken = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    state = 'unread';
    stop.abort();
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
    if (state !== 'unread') stream.write(text);
  };
  return {
    wasInterrupted: () => state === 'interrupted',
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
      env: process.env,
      cwd: process.cwd(),
      signal: stop.signal,
      now: () => new Date(),
    },
  };
}
