import { parseDocument, type DocumentOptions, type ParseOptions, type SchemaOptions, type Tags } from 'yaml';
import { LIMITS } from '../limits.ts';
import { isTestHook } from './hooks.ts';
import { decodeRenderedObject, type RenderedObject } from './pod-specs.ts';
import { isRecord } from '../json.ts';
import { NotJsonError, plainJson } from './plain-json.ts';

/** An object of a rendered chart, and the template it came from (`shop/templates/service.yaml`). */
export interface SourcedObject {
  object: RenderedObject;
  template: string;
}

/** What a chart rendered to; or, in a sentence without its values, why it cannot be read. */
export type ReadManifests =
  | { ok: true; objects: SourcedObject[] }
  | { ok: false; error: string; template: string; isTooLarge: boolean };

/** As Helm splits: a line that begins with three dashes. */
const SEPARATOR = /^---(?=\s|$)/m;
const SOURCE = /^# Source: (\S+)$/m;
const NO_SOURCE = 'the chart';

/**
 * YAML as Kubernetes reads it (go-yaml): the 1.1 words for true and false and octal numbers count, but neither times nor
 * base-60 numbers: `22:22` is a text there. Of a key that is there twice the last one counts, as charts with common labels have it.
 */
const OPTIONS: ParseOptions & DocumentOptions & SchemaOptions & { prettyErrors: false; logLevel: 'silent' } = {
  version: '1.1',
  intAsBigInt: true,
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
  customTags: (tags: Tags) =>
    tags.filter(
      (tag) => typeof tag === 'string' || (tag.format !== 'TIME' && tag.tag !== 'tag:yaml.org,2002:timestamp'),
    ),
};

/**
 * The objects in what `helm template` printed, one document after the other so that only one is in memory as a tree: on the
 * vendor's side as in the cluster. Lists are opened, tests and empty documents left out; other hooks are among the objects,
 * see `hooks.ts`. Errors name the template and the line, never the text.
 */
export function readManifests(text: string): ReadManifests {
  const objects: SourcedObject[] = [];
  for (const part of text.split(SEPARATOR)) {
    if (part.trim() === '') continue;
    const template = SOURCE.exec(part)?.[1] ?? NO_SOURCE;
    const refuse = (error: string, isTooLarge = false): ReadManifests => ({ ok: false, error, template, isTooLarge });
    const parsed = parsePart(part);
    if (typeof parsed === 'string') return refuse(`${template} renders to YAML ${parsed}`);
    for (const value of parsed) {
      const decoded = decodeRenderedObject(value);
      if (!decoded.ok) return refuse(`${template}: a document is not a Kubernetes object: ${decoded.error}`);
      const object = withPlainData(decoded.value);
      if (isTestHook(object)) continue;
      objects.push({ object, template });
      if (objects.length > LIMITS.maxRenderedObjects)
        return refuse(`the chart renders to more than ${LIMITS.maxRenderedObjects} objects`, true);
    }
  }
  return { ok: true, objects };
}

/** @returns what is wrong with it, or its objects */
function parsePart(part: string): unknown[] | string {
  const document = parseDocument(part, OPTIONS);
  const [error] = document.errors;
  if (error) {
    const line = part.slice(0, error.pos[0]).split('\n').length;
    return `that cannot be read: ${error.code} in line ${line}`;
  }
  let value: unknown;
  try {
    value = plainJson(document.toJS({ maxAliasCount: 100 }));
  } catch (problem) {
    if (problem instanceof NotJsonError) return problem.message;
    return 'with too many aliases, or one that is not defined';
  }
  if (value === null || value === undefined) return [];
  return isList(value) ? value.items : [value];
}

function isList(value: unknown): value is { items: unknown[] } {
  return (
    isRecord(value) &&
    typeof value['kind'] === 'string' &&
    value['kind'].endsWith('List') &&
    Array.isArray(value['items'])
  );
}

/** A Secret with `stringData` as Kubernetes keeps it: in `data`, so that it compares with what lives and with other versions of itself. */
function withPlainData(object: RenderedObject): RenderedObject {
  const { stringData, ...rest } = object;
  if (object.kind !== 'Secret' || object.apiVersion !== 'v1' || !isRecord(stringData)) return object;
  const texts = Object.entries(stringData);
  // The API server says best what is wrong with it.
  if (texts.some(([, text]) => typeof text !== 'string')) return object;
  const encoded = texts.map(([key, text]) => [key, Buffer.from(String(text)).toString('base64')]);
  return { ...rest, data: { ...(isRecord(rest['data']) ? rest['data'] : {}), ...Object.fromEntries(encoded) } };
}
