import { LIMITS, type Decoded } from '@steward/shared';

/** One line of it. `value` is NaN for what is no finite number. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Longer ones are refused; also keeps the expressions below cheap, whatever a pod sends. */
const MAX_LINE = 8_192;
const MAX_LABELS = 20;
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\["\\n])*)"[ \t]*(,|(?=\}))/y;
const END = /[ \t]+(\S+)(?:[ \t]+-?\d+)?[ \t\r]*$/y;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const NO_NUMBER = /^([+-]?inf(inity)?|nan)$/i;
const ESCAPED: Record<string, string> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' };

/**
 * Reads the wanted metrics of a page in Prometheus' text format, version 0.0.4. Comments and other metrics are passed over; what is no line
 * of that format fails the page as a whole, so that half of something else is never taken for it.
 */
export function parseExposition(text: string, wanted: ReadonlySet<string>): Decoded<Sample[]> {
  const samples: Sample[] = [];
  let number = 0;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const line = end - start > MAX_LINE ? undefined : text.slice(start, end).trimStart();
    start = end + 1;
    number += 1;
    if (line === '' || line?.startsWith('#')) continue;
    const sample = line === undefined ? undefined : parseLine(line, wanted);
    if (!sample) return { ok: false, error: `line ${number} is not in Prometheus' text format` };
    if (sample !== 'other') samples.push(sample);
  }
  return { ok: true, value: samples };
}

function parseLine(line: string, wanted: ReadonlySet<string>): Sample | 'other' | undefined {
  const name = match(NAME, line, 0)?.[0];
  if (name === undefined) return undefined;
  if (!wanted.has(name)) return 'other';
  let at = name.length;
  const labels: Record<string, string> = {};
  if (line[at] === '{') {
    at += 1;
    for (let found = match(LABEL, line, at); found; found = match(LABEL, line, at)) {
      const [whole, label = '', value = ''] = found;
      labels[label] = value.replaceAll(/\\./g, (escaped) => ESCAPED[escaped] ?? escaped);
      at += whole.length;
    }
    if (line[at] !== '}' || Object.keys(labels).length > MAX_LABELS) return undefined;
    at += 1;
  }
  if (Object.values(labels).some((value) => value.length > LIMITS.maxMetricLabelLength)) return 'other';
  const word = match(END, line, at)?.[1] ?? '';
  if (NUMBER.test(word)) return { name, labels, value: finite(Number(word)) };
  return NO_NUMBER.test(word) ? { name, labels, value: Number.NaN } : undefined;
}

function match(expression: RegExp, line: string, at: number): RegExpExecArray | null {
  expression.lastIndex = at;
  return expression.exec(line);
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN;
}
