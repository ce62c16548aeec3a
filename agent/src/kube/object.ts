import * as Type from 'typebox';
import { compile, type Decoded, mapOf } from '@steward/shared';
import type { KubeObject, ResourceRef } from './client.ts';
import { KubeError } from './error.ts';

const StringMap = mapOf(Type.String());
const Metadata = Type.Object({
  name: Type.String({ minLength: 1 }),
  namespace: Type.Optional(Type.String()),
  uid: Type.Optional(Type.String()),
  resourceVersion: Type.Optional(Type.String()),
  generation: Type.Optional(Type.Number()),
  creationTimestamp: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  deletionTimestamp: Type.Optional(Type.String()),
  labels: Type.Optional(StringMap),
  annotations: Type.Optional(StringMap),
  ownerReferences: Type.Optional(
    Type.Array(
      Type.Object({
        apiVersion: Type.String(),
        kind: Type.String(),
        name: Type.String(),
        uid: Type.String(),
        controller: Type.Optional(Type.Boolean()),
      }),
    ),
  ),
  finalizers: Type.Optional(Type.Array(Type.String())),
});
const decodeShape = compile(
  Type.Object({ apiVersion: Type.Optional(Type.String()), kind: Type.Optional(Type.String()), metadata: Metadata }),
);
const decodeShapeList = compile(
  Type.Object({
    metadata: Type.Object({
      resourceVersion: Type.Optional(Type.String()),
      continue: Type.Optional(Type.String()),
    }),
    items: Type.Array(Type.Unknown()),
  }),
);

/** @param ref fills apiVersion and kind in, which the items of a list do not carry */
export function decodeObject(value: unknown, ref: ResourceRef): Decoded<KubeObject> {
  const decoded = decodeShape(value);
  if (!decoded.ok) return { ok: false, error: `not a ${ref.kind}: ${decoded.error}` };
  const object = decoded.value as KubeObject;
  object.apiVersion ??= apiVersionOf(ref);
  object.kind ??= ref.kind;
  return { ok: true, value: object };
}

/** @throws KubeError `Malformed` */
export function objectOf(value: unknown, ref: ResourceRef): KubeObject {
  const decoded = decodeObject(value, ref);
  if (!decoded.ok) throw malformed(decoded.error);
  return decoded.value;
}

export interface ListPage {
  items: KubeObject[];
  resourceVersion: string;
  /** Token of the next page; empty on the last one. */
  next: string;
}

/** @throws KubeError `Malformed` */
export function listPageOf(value: unknown, ref: ResourceRef): ListPage {
  const decoded = decodeShapeList(value);
  if (!decoded.ok) throw malformed(`not a list of ${ref.plural}: ${decoded.error}`);
  const { metadata, items } = decoded.value;
  return {
    items: items.map((item) => objectOf(item, ref)),
    resourceVersion: metadata.resourceVersion ?? '',
    next: metadata.continue ?? '',
  };
}

export function malformed(what: string): KubeError {
  return new KubeError(`the API server's answer is ${what}`, { status: 0, reason: 'Malformed' });
}

export function apiVersionOf({ group, version }: Pick<ResourceRef, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Of `apps/v1` it is `apps`; the core's is empty. */
export function groupOf(apiVersion: string): string {
  return apiVersion.includes('/') ? (apiVersion.split('/', 1)[0] ?? '') : '';
}

/** `Deployment/web`: what people call it inside its namespace. */
export function nameOf({ kind, metadata }: { kind: string; metadata: { name: string } }): string {
  return `${kind}/${metadata.name}`;
}

/** `ReplicaSet/web-5d9c`: its controller, or whoever else it says that it belongs to. */
export function ownerOf({
  ownerReferences = [],
}: {
  ownerReferences?: { kind: string; name: string; controller?: boolean }[];
}): string | undefined {
  const owner = ownerReferences.find(({ controller }) => controller === true) ?? ownerReferences[0];
  return owner && `${owner.kind}/${owner.name}`;
}

/** Its deletion was asked for, by whomever (also by an earlier try, or by Kubernetes); none is taken back. */
export function isBeingDeleted(live: KubeObject | null | undefined): boolean {
  return live?.metadata.deletionTimestamp !== undefined;
}

/** `namespace/name`, or the name alone. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The path of a resource, or of one object of it; segments are escaped. */
export function pathOf(ref: ResourceRef, namespace: string | undefined, name?: string): string {
  const root = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const scope = ref.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${ref.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}
