import { isRecord } from '@steward/shared';
import { parse } from 'yaml';
import { usageError } from './cli-error.ts';

export type Values = Record<string, unknown>;

/** The value at a dotted path; undefined when a part of the way is missing. */
export function valueAt(values: unknown, path: string): unknown {
  let at: unknown = values;
  for (const key of path.split('.')) at = isRecord(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  return at;
}

/** A copy with one value set; objects on the way are made. */
export function withValue(values: Values, path: string, value: unknown): Values {
  const [key = '', ...rest] = path.split('.');
  const inner = Object.hasOwn(values, key) ? values[key] : undefined;
  const set = rest.length === 0 ? value : withValue(isRecord(inner) ? inner : {}, rest.join('.'), value);
  return Object.fromEntries([...Object.entries(values).filter(([name]) => name !== key), [key, set]]);
}

/** A copy without the value at a path; objects that get empty are taken out too. */
export function withoutValue(values: Values, path: string): Values {
  const [key = '', ...rest] = path.split('.');
  const others = Object.entries(values).filter(([name]) => name !== key);
  const inner = Object.hasOwn(values, key) ? values[key] : undefined;
  if (rest.length === 0 || !isRecord(inner)) return Object.fromEntries(others);
  const left = withoutValue(inner, rest.join('.'));
  return Object.fromEntries(Object.keys(left).length === 0 ? others : [...others, [key, left]]);
}

/** Objects are merged key by key, anything else is replaced: as Helm lays values over each other. */
export function mergeValues(base: Values, over: Values): Values {
  const merged: [string, unknown][] = Object.entries(over).map(([key, value]) => {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isRecord(value) && isRecord(below) ? mergeValues(below, value) : value];
  });
  return { ...base, ...Object.fromEntries(merged) };
}

const PATH = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

function typed(text: string): unknown {
  if (/^["'{[]/.test(text)) {
    try {
      return parse(text);
    } catch {
      return text;
    }
  }
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === 'null') return null;
  const isWhole = /^(0|-?[1-9][0-9]{0,14})$/.test(text);
  return isWhole ? Number(text) : text;
}

/**
 * Reads `a.b=3`, with Helm's types: whole numbers, true, false and null are what they look like, anything else is text
 * (`2.10` is a version, not a number). What is quoted, or begins with `{` or `[`, is read as YAML.
 * @throws CliError for anything else
 */
export function parseSetting(text: string): { path: string; value: unknown } {
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(0, equals));
  if (!PATH.test(path)) throw usageError(`"${text}" is not PATH=VALUE`, 'Write it as storage.size=10Gi');
  return { path, value: typed(text.slice(equals + 1)) };
}

/** A setting as the value it replaces is: text stays text, and decimals are numbers where a number was. */
export function typedLike(value: unknown, text: string, before: unknown): unknown {
  if (typeof before === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return text;
  if (typeof before === 'number' && typeof value === 'string' && value !== '' && Number.isFinite(Number(value)))
    return Number(value);
  return value;
}
