import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile, type FieldPath, mapOf } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';

/** Who wrote which fields of an object, as the API server keeps it in `managedFields`. */
const Managed = Type.Object({
  manager: Type.Optional(Type.String()),
  operation: Type.Optional(Type.String()),
  apiVersion: Type.Optional(Type.String()),
  fieldsType: Type.Optional(Type.String()),
  subresource: Type.Optional(Type.String()),
  time: Type.Optional(Type.String()),
  fieldsV1: Type.Optional(mapOf(Type.Unknown())),
});
export type Managed = Static<typeof Managed>;
const decodeManaged = compile(Type.Array(Managed));

/** What one manager owns below some place: `f:name` for keys, `k:{"name":"web"}` for items of lists; nothing in it: all of it. */
export type OwnedFields = Readonly<Record<string, unknown>>;

/** What our own applies own of an object. */
export function ownFieldsOf(object: KubeObject, fieldManager: string): OwnedFields {
  return fieldManagersOf(object).find(isApplyOf(fieldManager))?.fieldsV1 ?? NOTHING;
}
const NOTHING: OwnedFields = Object.freeze({ '.': {} });

/** What is owned one step further in; undefined: nothing there. */
export function ownedInside(owned: OwnedFields | undefined, key: string): OwnedFields | undefined {
  if (!owned) return undefined;
  // A list or map that belongs to one manager as a whole.
  if (Object.keys(owned).length === 0) return owned;
  const inner = owned[`f:${key}`] ?? itemOf(owned, key);
  return typeof inner === 'object' && inner !== null ? { ...inner } : undefined;
}

/** Who else owns a field, the latest first. */
export function othersAt(object: KubeObject, path: FieldPath, fieldManager: string): Managed[] {
  const isOurs = isApplyOf(fieldManager);
  return fieldManagersOf(object)
    .filter((entry) => !isOurs(entry))
    .filter(({ fieldsV1 }) => path.reduce<OwnedFields | undefined>(ownedInside, fieldsV1 ?? NOTHING) !== undefined)
    .toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1));
}

/** What somebody wrote by server-side apply, and not to a subresource. */
export function isApplyOf(fieldManager: string): (entry: Managed) => boolean {
  return ({ manager, operation, subresource }) =>
    manager === fieldManager && operation === 'Apply' && subresource === undefined;
}

/** Everybody who wrote to an object. */
export function fieldManagersOf({ metadata }: KubeObject): Managed[] {
  const decoded = decodeManaged(metadata['managedFields'] ?? []);
  return decoded.ok ? decoded.value : [];
}

function itemOf(owned: OwnedFields, name: string): unknown {
  const key = Object.keys(owned).find((candidate) => candidate.startsWith('k:') && isNamed(candidate.slice(2), name));
  return key === undefined ? undefined : owned[key];
}

const decodeKey = compile(Type.Object({ name: Type.String() }));

function isNamed(json: string, name: string): boolean {
  try {
    const decoded = decodeKey(JSON.parse(json));
    return decoded.ok && decoded.value.name === name;
  } catch {
    return false;
  }
}
