import { canonicalJson } from '../json.ts';
import type { ReleaseGenerated } from '../release/release.ts';
import { fieldAt, parseFieldPath, pathWithItem, pathWithKey, withFieldAt, type FieldPath } from './field-path.ts';
import type { RenderedObject } from './pod-specs.ts';
import { isRecord } from '../json.ts';
import { forInstallation } from '../release/placeholder.ts';

/** A field of an object as it was made first. */
export interface KeptField {
  kind: string;
  name: string;
  path: FieldPath;
  value: unknown;
}

const NOT_CONTENT: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** The name of the object that an entry means for one installation. */
export function generatedName({ name }: ReleaseGenerated, releaseName: string): string {
  return forInstallation(name, releaseName);
}

/** The fields an entry names; all content of the object when it names none. Undefined for one that is not a path. */
function pathsOf({ kind, fields }: ReleaseGenerated, object: RenderedObject): FieldPath[] {
  if (!fields)
    return Object.keys(object)
      .filter((key) => !NOT_CONTENT.has(key))
      .map((key) => [key]);
  return fields.flatMap((field) => {
    const path = parseFieldPath(field);
    // Rendered Secrets have their texts in `data`, whichever way the template writes them.
    const [first, ...rest] = path ?? [];
    return path === undefined ? [] : [kind === 'Secret' && first === 'stringData' ? ['data', ...rest] : path];
  });
}

/** What is to be kept of an object as it was made before, as far as it has it. */
export function keptFieldsOf(entry: ReleaseGenerated, object: RenderedObject): KeptField[] {
  return pathsOf(entry, object).flatMap((path) => {
    const value = fieldAt(object, path);
    return value === undefined ? [] : [{ kind: object.kind, name: object.metadata.name, path, value }];
  });
}

/**
 * The rendered objects with the values that were made first. A value is kept only where the new render still has the field:
 * what a version no longer renders stays gone, and what it renders for the first time is new.
 */
export function withKeptFields<T extends RenderedObject>(objects: readonly T[], kept: readonly KeptField[]): T[] {
  if (kept.length === 0) return [...objects];
  return objects.map((object) => {
    const own = kept.filter(({ kind, name }) => kind === object.kind && name === object.metadata.name);
    return own.reduce<T>(
      (changed, { path, value }) => withFieldAt(changed, path, (fresh) => keep(fresh, value)) as T,
      object,
    );
  });
}

function keep(fresh: unknown, kept: unknown): unknown {
  if (!isRecord(fresh) || !isRecord(kept)) return kept;
  const entries = Object.entries(fresh);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Object.hasOwn(kept, key) ? keep(value, kept[key]) : value]),
  );
}

/** The fields in which two renders of an object differ, at most `limit`. */
export function differingFields(a: unknown, b: unknown, limit: number): string[] {
  const found: string[] = [];
  walk(a, b, '', (path) => found.push(path) < limit);
  return found;
}

/** @returns false when enough was found */
function walk(a: unknown, b: unknown, path: string, found: (path: string) => boolean): boolean {
  if (canonicalJson(a ?? null) === canonicalJson(b ?? null)) return true;
  if (isRecord(a) && isRecord(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.every((key) => walk(a[key], b[key], pathWithKey(path, key), found));
  }
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length)
    return a.every((item: unknown, index) => walk(item, b[index], pathWithItem(path, item, index), found));
  return found(path);
}
