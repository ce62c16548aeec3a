import { canonicalJson, isRecord } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import type { OwnedFields } from './field-owners.ts';

/**
 * An object without the fields that somebody owns and the wanted one does not have: what an apply leaves when those are ours.
 * The API server fills defaults in again, which only itself can tell.
 */
export function pruned(live: KubeObject, wanted: KubeObject, owned: OwnedFields): KubeObject {
  const { managedFields: _, ...metadata } = live.metadata;
  return prune({ ...live, metadata }, wanted, owned) as KubeObject;
}

function prune(live: unknown, wanted: unknown, owned: OwnedFields): unknown {
  if (Array.isArray(live)) return pruneList(live, Array.isArray(wanted) ? wanted : [], owned);
  if (!isRecord(live)) return live;
  const inside = isRecord(wanted) ? wanted : {};
  const kept = Object.entries(live).flatMap(([key, value]): [string, unknown][] => {
    const fields = owned[`f:${key}`];
    if (!isRecord(fields)) return [[key, value]];
    const left = pruneField(value, inside[key], fields);
    return left === undefined ? [] : [[key, left]];
  });
  return Object.fromEntries(kept);
}

/** Undefined when nothing is left of it. */
function pruneField(value: unknown, wanted: unknown, owned: OwnedFields): unknown {
  const isWhole = Object.keys(owned).length === 0;
  if (isWhole) return wanted === undefined ? undefined : value;
  const left = prune(value, wanted, owned);
  return wanted === undefined && isEmpty(left) ? undefined : left;
}

function pruneList(live: readonly unknown[], wanted: readonly unknown[], owned: OwnedFields): unknown[] {
  return live.flatMap((item): unknown[] => {
    const key = Object.keys(owned).find((candidate) => isItem(candidate, item));
    const fields = key === undefined ? undefined : owned[key];
    if (key === undefined || !isRecord(fields)) return [item];
    const same = wanted.find((other) => isItem(key, other));
    return same === undefined ? [] : [prune(item, same, fields)];
  });
}

/** Whether a key of `managedFields` means this item: `k:{"name":"web"}` by its fields, `v:"x"` by its value. */
function isItem(key: string, item: unknown): boolean {
  const [how, json] = [key.slice(0, 2), key.slice(2)];
  if (how === 'v:') return json === canonicalJson(item);
  if (how !== 'k:' || !isRecord(item)) return false;
  const named: unknown = parse(json);
  return (
    isRecord(named) &&
    Object.entries(named).every(
      ([field, value]) => canonicalJson(item[field] ?? DEFAULTS[field] ?? null) === canonicalJson(value),
    )
  );
}

/** Of keys that the API server fills in before it compares. */
const DEFAULTS: Readonly<Record<string, unknown>> = { protocol: 'TCP' };

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}
