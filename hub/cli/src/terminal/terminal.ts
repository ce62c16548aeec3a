import type { Readable } from 'node:stream';

/** Where a command reads and writes: the real terminal, or a test's. */
export interface Terminal {
  /** Results; nothing else. */
  out(text: string): void;
  /** Progress, questions, warnings, errors. */
  err(text: string): void;
  readonly input: Readable;
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
  readonly inputIsTty: boolean;
  columns(): number;
  rows(): number;
  /** Set but empty is as not set. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by Ctrl-C, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
  now(): Date;
}

const CONTROL = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Takes out what could steer a terminal. Everything that comes from a hub, a chart or a cluster passes here before it is shown. */
export function printable(text: string): string {
  return text.replace(CONTROL, '');
}

/** One line of it: new lines become spaces. */
export function oneLine(text: string): string {
  return printable(text.replace(/\s*[\r\n\t]+\s*/g, ' '));
}

const maxHeadline = 160;
/** The digits of a digest would push out what a message ends with. */
const LONG_DIGEST = /(sha256:[0-9a-f]{8})[0-9a-f]{56}/g;

/** What a message begins with, short enough for a table or a line: its first line, up to the end of a sentence where that can be. */
export function headline(text: string): string {
  const [whole = ''] = printable(text).trimStart().split('\n');
  const first = whole.replaceAll(LONG_DIGEST, '$1…');
  if (first.length <= maxHeadline) return first.trimEnd();
  const start = first.slice(0, maxHeadline);
  const sentence = start.lastIndexOf('. ');
  return sentence > 0 ? start.slice(0, sentence + 1) : `${start.trimEnd()}…`;
}

export type Tint = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';
const CODES: Record<Tint, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Colours text, or leaves it alone; see https://no-color.org. */
export type Paint = (text: string, tint: Tint | undefined) => string;

export function paintFor(terminal: Terminal, isTty: boolean): Paint {
  const { env } = terminal;
  const wanted = Boolean(env['FORCE_COLOR']) || (isTty && env['TERM'] !== 'dumb');
  if (!wanted || env['NO_COLOR']) return (text) => text;
  return (text, tint) => (tint === undefined ? text : `\u001b[${CODES[tint]}m${text}\u001b[0m`);
}
