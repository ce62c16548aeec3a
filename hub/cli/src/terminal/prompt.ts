import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { usageError } from '../cli-error.ts';
import type { Invocation } from '../program/command.ts';
import type { Terminal } from './terminal.ts';

async function question(terminal: Terminal, text: string, isSecret: boolean): Promise<string> {
  terminal.err(text);
  const shown = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (!isSecret) terminal.err(chunk.toString());
      done();
    },
  });
  const lines = createInterface({ input: terminal.input, output: shown, terminal: terminal.inputIsTty });
  try {
    return await lines.question('', { signal: terminal.signal });
  } finally {
    lines.close();
    if (isSecret) terminal.err('\n');
  }
}

/** Asks for a line. @throws CliError when nobody is there to answer; `instead` names the flag that would do */
export async function ask(terminal: Terminal, text: string, instead: string): Promise<string> {
  if (!terminal.inputIsTty) throw usageError(`there is no terminal to ask "${text.trim()}" on`, instead);
  return (await question(terminal, text, false)).trim();
}

/** Asks for a line that is not shown while it is typed. */
export async function askSecret(terminal: Terminal, text: string, instead: string): Promise<string> {
  if (!terminal.inputIsTty) throw usageError(`there is no terminal to ask "${text.trim()}" on`, instead);
  return question(terminal, text, true);
}

/**
 * Whether to go on: `--yes` says so before, else only the answer `y` or `yes` does, and after any other it is told that nothing was
 * done. @throws CliError when nobody is there to answer
 */
export async function confirm(
  { terminal, options, note }: Pick<Invocation<{ yes?: boolean }>, 'terminal' | 'options' | 'note'>,
  text: string,
): Promise<boolean> {
  if (options.yes) return true;
  const answer = await ask(terminal, `${text} [y/N] `, 'Give --yes.');
  if (/^y(es)?$/i.test(answer)) return true;
  note('Nothing was done.');
  return false;
}

/** All of standard input, without the line break at its end. */
export async function readInput(terminal: Terminal, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of terminal.input as AsyncIterable<Buffer | string>) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > maxBytes) throw usageError(`standard input is longer than ${maxBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}
