import { isRecord } from '@steward/shared';
import { type Values } from '../values-path.ts';

/** A place in a values schema that cannot be opened to the hub, and why. `path` leads through the schema document. */
export interface SchemaProblem {
  path: readonly (string | number)[];
  message: string;
}

export type ClosedSchema = { ok: true; schema: Values } | { ok: false; problem: SchemaProblem };

/** Keywords that are copied as they are: they describe or bound one value. */
const PLAIN = new Set([
  'type', 'enum', 'const', 'title', 'description', 'default', 'examples', 'minimum', 'maximum', 'exclusiveMinimum',
  'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'uniqueItems',
  'minProperties', 'maxProperties',
]); // prettier-ignore
/** Kept where the reader knows them, else left out: an unknown format limits nothing. */
const FORMATS = new Set(['date-time', 'uri', 'uuid']);
/** Left out: they name or comment, and limit nothing. */
const IGNORED = new Set(['$schema', '$id', '$comment', '$defs', 'definitions', 'deprecated', 'readOnly', 'writeOnly']);
const maxDepth = 20;

interface Walk {
  root: Values;
  path: readonly (string | number)[];
  depth: number;
  /** Items of lists are given whole, so what they require stays; objects are laid over the chart's own values. */
  isInList: boolean;
}

class Refused extends Error {
  readonly path: readonly (string | number)[];
  constructor(message: string, path: readonly (string | number)[]) {
    super(message);
    this.path = path;
  }
}

function resolvePointer(root: Values, pointer: string): { schema: unknown; path: string[] } | undefined {
  if (pointer !== '#' && !pointer.startsWith('#/')) return undefined;
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
  let at: unknown = root;
  for (const key of path) at = isRecord(at) && Object.hasOwn(at, key) ? at[key] : undefined;
  return at === undefined ? undefined : { schema: at, path };
}

/** Follows local references. Anything beside a $ref is laid over what it points to. */
function dereference(schema: unknown, walk: Walk): { schema: Values; walk: Walk } {
  if (!isRecord(schema)) throw new Refused('allows anything, or nothing: say which type it is', walk.path);
  if (walk.depth > maxDepth) throw new Refused(`is nested deeper than ${maxDepth}, or refers to itself`, walk.path);
  const { $ref: reference, ...rest } = schema;
  if (typeof reference !== 'string') return { schema, walk };
  const target = resolvePointer(walk.root, reference);
  if (!target) throw new Refused(`refers to ${reference}, which is not inside this file`, walk.path);
  const inner = dereference(target.schema, { ...walk, path: target.path, depth: walk.depth + 1 });
  return { schema: { ...inner.schema, ...rest }, walk: inner.walk };
}

function step(walk: Walk, ...keys: (string | number)[]): Walk {
  return { ...walk, path: [...walk.path, ...keys], depth: walk.depth + 1 };
}

function closeObject(schema: Values, walk: Walk): Values {
  const properties = schema['properties'];
  const rest = schema['additionalProperties'];
  const closed: Values = {};
  if (isRecord(properties))
    closed['properties'] = Object.fromEntries(
      Object.entries(properties).map(([key, value]) => [key, close(value, step(walk, 'properties', key))]),
    );
  if (isRecord(rest)) closed['additionalProperties'] = close(rest, step(walk, 'additionalProperties'));
  else if (isRecord(properties) || rest === false) closed['additionalProperties'] = false;
  else throw new Refused('is an object that may hold anything: name its properties', walk.path);
  if (walk.isInList && Array.isArray(schema['required'])) closed['required'] = schema['required'];
  return closed;
}

function isOfType(schema: Values, type: string): boolean {
  const given = schema['type'];
  return given === type || (Array.isArray(given) && given.includes(type));
}

const OBJECT_KEYWORDS = new Set(['properties', 'additionalProperties', 'required']);

function closeBranches(branches: unknown, keyword: string, walk: Walk): unknown[] {
  if (!Array.isArray(branches)) throw new Refused(`has a ${keyword} that is not a list`, walk.path);
  return branches.map((branch, at) => close(branch, step(walk, keyword, at)));
}

function closeKeyword(keyword: string, value: unknown, walk: Walk): Values {
  if (PLAIN.has(keyword)) return { [keyword]: value };
  if (keyword === 'anyOf' || keyword === 'oneOf') return { [keyword]: closeBranches(value, keyword, walk) };
  if (keyword === 'format') return FORMATS.has(String(value)) ? { format: value } : {};
  if (keyword === 'items') return { items: close(value, { ...step(walk, 'items'), isInList: true }) };
  if (IGNORED.has(keyword) || OBJECT_KEYWORDS.has(keyword)) return {};
  throw new Refused(`uses "${keyword}", which cannot be opened to the hub`, walk.path);
}

function close(given: unknown, from: Walk): Values {
  const { schema, walk } = dereference(given, from);
  const keywords = Object.entries(schema).map(([keyword, value]) => closeKeyword(keyword, value, walk));
  const isObject = isOfType(schema, 'object') || isRecord(schema['properties']);
  const closed: Values = Object.assign({}, ...keywords, isObject ? closeObject(schema, walk) : {});
  if (isOfType(schema, 'array') && !('items' in closed) && !('enum' in closed))
    throw new Refused('is a list that may hold anything: say what its items are', walk.path);
  if (!isObject && !['type', 'enum', 'const', 'anyOf', 'oneOf'].some((keyword) => keyword in closed))
    throw new Refused('says nothing about its type', walk.path);
  return closed;
}

/**
 * The schema of one value in a chart's values.schema.json, closed all the way down: nothing that is not described
 * can be set through it. `required` is dropped, because parameters are laid over the chart's own values.
 * @param path dotted path of the value
 */
export function closedSchemaAt(root: Values, path: string): ClosedSchema {
  try {
    let at: unknown = root;
    let walk: Walk = { root, path: [], depth: 0, isInList: false };
    for (const key of path.split('.')) {
      const here = dereference(at, walk);
      const properties = here.schema['properties'];
      if (!isRecord(properties) || !Object.hasOwn(properties, key))
        throw new Refused(`does not describe ${path}`, here.walk.path);
      at = properties[key];
      walk = step(here.walk, 'properties', key);
    }
    return { ok: true, schema: close(at, { ...walk, depth: 0 }) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { ok: false, problem: { path: error.path, message: error.message } };
  }
}
