import { gunzipSync, gzipSync } from 'node:zlib';
import { lookupTemplate, withoutLookup } from './lookup.ts';

/** A copy of a chart whose lookups are answered without a cluster. */
export interface AnsweringChart {
  /** The chart, packed, with these answers in it; see `lookupTemplate`. */
  with(answers: ReadonlyMap<string, string>): Uint8Array;
}

/** Unpacked, subcharts in archives of their own included. */
export const MAX_UNPACKED_CHART_BYTES = 32 * 1024 * 1024;
const MAX_NESTING = 4;
const BLOCK = 512;
/** Before it something is a chart of others that is packed into this one. */
const NESTED = /^[^/]+\/(?:charts\/[^/]+\/)*charts\/[^/]+\.tgz$/;
const TEMPLATE = /^[^/]+\/(?:charts\/[^/]+\/)*templates\//;

/** Thrown for a chart that is larger than anybody should unpack. */
export class ChartTooLargeError extends Error {
  override readonly name = 'ChartTooLargeError';
}

/**
 * Looks into a packed chart for templates that use `lookup`, also those of its subcharts. What is no archive is left for
 * Helm to refuse.
 * @returns undefined for a chart without any
 * @throws ChartTooLargeError
 */
export function answeringChart(packed: Uint8Array): AnsweringChart | undefined {
  const budget = { bytes: MAX_UNPACKED_CHART_BYTES };
  const rewritten = rewrite(packed, budget, MAX_NESTING);
  const root = rewritten?.root;
  if (!rewritten || root === undefined) return undefined;
  return {
    with: (answers) => {
      const template = Buffer.from(lookupTemplate(answers));
      const added = entryOf(`${root}/templates/_steward-lookup.tpl`, template);
      return gzipSync(Buffer.concat([...rewritten.parts, ...added, Buffer.alloc(2 * BLOCK)]), { level: 1 });
    },
  };
}

interface Budget {
  bytes: number;
}

interface Rewritten {
  /** The folder that the chart is in. */
  root: string;
  /** Of the tar file, without its end. */
  parts: Uint8Array[];
}

/** Undefined when nothing in it has to be another. */
function rewrite(packed: Uint8Array, budget: Budget, nesting: number): Rewritten | undefined {
  const tar = unpacked(packed, budget);
  if (!tar) return undefined;
  // Most charts: seen without reading any of their files.
  const mayLookUp = tar.includes('lookup');
  let isOther = false;
  let root: string | undefined;
  const parts: Uint8Array[] = [];
  for (const entry of entriesOf(tar)) {
    root ??= entry.path.split('/', 1)[0];
    const content = otherContent(entry, { mayLookUp, budget, nesting });
    isOther ||= content !== undefined;
    parts.push(...(content ? [entry.before, ...resized(entry.header, content)] : [entry.before, entry.whole]));
  }
  return isOther && root !== undefined ? { root, parts } : undefined;
}

function otherContent(
  { path, content }: TarEntry,
  { mayLookUp, budget, nesting }: { mayLookUp: boolean; budget: Budget; nesting: number },
): Uint8Array | undefined {
  if (NESTED.test(path) && nesting > 0) {
    const inner = rewrite(content, budget, nesting - 1);
    return inner && gzipSync(Buffer.concat([...inner.parts, Buffer.alloc(2 * BLOCK)]), { level: 1 });
  }
  if (!mayLookUp || !TEMPLATE.test(path)) return undefined;
  const text = content.toString('utf8');
  const other = withoutLookup(text);
  return other === text ? undefined : Buffer.from(other);
}

function unpacked(packed: Uint8Array, budget: Budget): Buffer | undefined {
  try {
    const tar = gunzipSync(packed, { maxOutputLength: Math.max(1, budget.bytes) });
    budget.bytes -= tar.length;
    return tar;
  } catch (error) {
    if (error instanceof RangeError)
      throw new ChartTooLargeError(`the chart unpacks to more than ${MAX_UNPACKED_CHART_BYTES / 1024 / 1024} MiB`);
    return undefined;
  }
}

interface TarEntry {
  path: string;
  header: Buffer;
  content: Buffer;
  /** Headers that only say more about this one. */
  before: Buffer;
  /** Header and content, padded. */
  whole: Buffer;
}

/** Files of a tar archive in their order (POSIX ustar with pax or GNU long names). Ends where it makes no sense any more. */
function* entriesOf(tar: Buffer): Generator<TarEntry> {
  let start = 0;
  let longPath: string | undefined;
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const header = tar.subarray(at, at + BLOCK);
    const size = Number.parseInt(textAt(header, 124, 12), 8);
    const end = at + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || end > tar.length) return;
    const content = tar.subarray(at + BLOCK, at + BLOCK + size);
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'x') longPath = /(?:^|\n)\d+ path=(.*)\n/.exec(content.toString('utf8'))?.[1] ?? longPath;
    else if (type === 'L') longPath = content.toString('utf8').replace(/\0.*$/s, '');
    else if (type !== 'g' && type !== 'K') {
      const prefix = textAt(header, 345, 155);
      const short = textAt(header, 0, 100);
      // As Helm reads archives that were made elsewhere.
      const path = (longPath ?? (prefix === '' ? short : `${prefix}/${short}`)).replaceAll('\\', '/');
      yield { path, header, content, before: tar.subarray(start, at), whole: tar.subarray(at, end) };
      start = end;
      longPath = undefined;
    }
    at = end;
  }
}

function textAt(header: Buffer, at: number, length: number): string {
  return header
    .subarray(at, at + length)
    .toString('utf8')
    .replace(/\0.*$/s, '')
    .trim();
}

function resized(header: Buffer, content: Uint8Array): Uint8Array[] {
  const other = Buffer.from(header);
  other.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  other.write('        ', 148, 'latin1');
  const sum = other.reduce((total, byte) => total + byte, 0);
  other.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return [other, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
}

/** The root of a chart is short: its name fits. */
function entryOf(path: string, content: Uint8Array): Uint8Array[] {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0, 100, 'utf8');
  header.write('0000644\0', 100, 'latin1');
  header.write('0000000\0', 108, 'latin1');
  header.write('0000000\0', 116, 'latin1');
  header.write('00000000000\0', 136, 'latin1');
  header.write('0ustar\x0000', 156, 'latin1');
  return resized(header, content);
}
