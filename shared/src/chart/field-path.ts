import { isRecord } from '../json.ts';

/**
 * The way to a field of an object: keys of maps, and names (else positions) of items of lists. Written as
 * `spec.template.spec.containers[web].image`, with keys that hold other signs in quotes: `data["tls.crt"]`.
 */
export type FieldPath = readonly string[];

const PART = /\.?(?<key>[^.[\]"]+)|\[(?<item>[^\]"]+)\]|\[(?<quoted>"(?:[^"\\]|\\.)*")\]/y;
const PLAIN_KEY = /^[^.[\]"]+$/;

/** @returns undefined when the text is not a path */
export function parseFieldPath(text: string): FieldPath | undefined {
  const path: string[] = [];
  const part = new RegExp(PART);
  while (part.lastIndex < text.length) {
    const isFirst = part.lastIndex === 0;
    const groups = part.exec(text)?.groups;
    if (!groups) return undefined;
    const { key, item, quoted } = groups;
    const hasDot = part.lastIndex > 0 && text[part.lastIndex - (key?.length ?? 0) - 1] === '.';
    if (key !== undefined && hasDot === isFirst) return undefined;
    path.push(key ?? item ?? unquoted(quoted ?? '""'));
  }
  return path.length > 0 ? path : undefined;
}

function unquoted(text: string): string {
  return text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
}

/** The path with one more key of a map behind it, as text. */
export function pathWithKey(path: string, key: string): string {
  if (!PLAIN_KEY.test(key)) return `${path}["${key.replaceAll(/["\\]/g, '\\$&')}"]`;
  return path === '' ? key : `${path}.${key}`;
}

/** The path with one more item of a list behind it, as text: by its name where it has one, else by its position. */
export function pathWithItem(path: string, item: unknown, index: number): string {
  return `${path}[${nameOf(item) ?? index}]`;
}

function nameOf(item: unknown): string | undefined {
  if (!isRecord(item) || typeof item['name'] !== 'string') return undefined;
  return /^[^\]"]+$/.test(item['name']) ? item['name'] : undefined;
}

function stepOf(holder: unknown, key: string): string | number | undefined {
  if (Array.isArray(holder)) {
    const named = holder.findIndex((item: unknown) => nameOf(item) === key);
    const index = named >= 0 ? named : /^\d{1,5}$/.test(key) ? Number(key) : -1;
    return index >= 0 && index < holder.length ? index : undefined;
  }
  return isRecord(holder) && Object.hasOwn(holder, key) ? key : undefined;
}

function inside(holder: unknown, step: string | number): unknown {
  if (Array.isArray(holder)) return holder[Number(step)];
  return isRecord(holder) ? holder[step] : undefined;
}

/** Undefined when there is no such field. */
export function fieldAt(object: unknown, path: FieldPath): unknown {
  let at = object;
  for (const key of path) {
    const step = stepOf(at, key);
    if (step === undefined) return undefined;
    at = inside(at, step);
  }
  return at;
}

/** A copy with the field changed; the object itself when it has no such field. */
export function withFieldAt(object: unknown, path: FieldPath, change: (value: unknown) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return change(object);
  const step = stepOf(object, key);
  if (step === undefined) return object;
  const changed = withFieldAt(inside(object, step), rest, change);
  if (Array.isArray(object)) return object.with(Number(step), changed);
  return { ...(isRecord(object) ? object : {}), [step]: changed };
}
