import * as Type from 'typebox';
import type { Static } from 'typebox';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  compile,
  HOOK_DELETE_POLICIES,
  HOOK_EVENTS,
  LIMITS,
  Release,
  ReleaseDrift,
  ReleaseMetrics,
  ReleaseRemedies,
  RenderedObject,
  sha256,
  type ChartHook,
  type HookDeletePolicy,
  type HookEvent,
  mapOf,
} from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { FoundImage } from '../adopt/found-images.ts';

/** What stays of a release with its rendered objects: all that running, watching and going back to it needs. */
export const SetMeta = Type.Object({
  service: Type.String(),
  version: Type.String(),
  releaseDigest: Type.String(),
  parametersDigest: Type.String(),
  signedBy: Type.String(),
  counter: Type.Integer(),
  deadlineSeconds: Type.Integer(),
  settleSeconds: Type.Integer(),
  permissions: Release.properties.permissions,
  replace: Type.Optional(Type.Array(Type.String())),
  /** Going back after one of its hooks has run needs no person. */
  isRollbackSafe: Type.Optional(Type.Boolean()),
  drift: Type.Optional(ReleaseDrift),
  metrics: Type.Optional(ReleaseMetrics),
  /** What may be changed of how it runs, with the real names. */
  remedies: Type.Optional(ReleaseRemedies),
  /** What its knobs were at, and what is only set at installation, by path. */
  settings: Type.Optional(mapOf(Type.Unknown())),
  /** Of what was adopted. */
  found: Type.Optional(Type.Array(FoundImage)),
});
export type SetMeta = Static<typeof SetMeta>;

const StoredHook = Type.Object({
  object: RenderedObject,
  events: Type.Array(Type.Unsafe<HookEvent>({ type: 'string', enum: [...HOOK_EVENTS] })),
  weight: Type.Integer(),
  deletePolicies: Type.Array(Type.Unsafe<HookDeletePolicy>({ type: 'string', enum: [...HOOK_DELETE_POLICIES] })),
});
const StoredSet = Type.Object({
  meta: SetMeta,
  objects: Type.Array(RenderedObject),
  /** Absent in sets of an agent that ran none. */
  hooks: Type.Optional(Type.Array(StoredHook)),
});
const decode = compile(StoredSet);

/** The objects of one generation, checked and pinned, as they are applied, and its hooks. */
export interface ReleaseSet {
  meta: SetMeta;
  objects: KubeObject[];
  hooks: ChartHook[];
}

/** Bytes of a set's JSON: what the agent holds in memory while it works on it. */
export const MAX_SET_BYTES = 8 * 1024 * 1024;

/** A packed set and its name. */
export interface PackedSet {
  bytes: Uint8Array;
  digest: string;
}

/** @returns undefined when the set is larger than {@link MAX_SET_BYTES} */
export function packSet(set: {
  meta: SetMeta;
  objects: readonly RenderedObject[];
  hooks: readonly ChartHook[];
}): PackedSet | undefined {
  const json = Buffer.from(JSON.stringify(set));
  if (json.length > MAX_SET_BYTES) return undefined;
  const bytes = gzipSync(json, { level: 6 });
  return { bytes, digest: sha256(bytes) };
}

/** @throws Error when the bytes are not what was stored */
export function unpackSet(bytes: Uint8Array, digest: string): ReleaseSet {
  if (sha256(bytes) !== digest) throw new Error('the stored set is not the one that was rendered: its digest differs');
  const json: unknown = JSON.parse(gunzipSync(bytes, { maxOutputLength: LIMITS.maxRenderBytes }).toString('utf8'));
  const decoded = decode(json);
  if (!decoded.ok) throw new Error(`the stored set cannot be read: ${decoded.error}`);
  const { meta, objects, hooks = [] } = decoded.value;
  return { meta, objects: objects as KubeObject[], hooks: hooks as ChartHook[] };
}
