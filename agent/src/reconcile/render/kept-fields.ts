import {
  generatedName,
  keptFieldsOf,
  type KeptField,
  type Release,
  type ReleaseGenerated,
  type RenderedObject,
} from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { apiVersionOf } from '../../kube/object.ts';
import { persist } from '../../operations/persist.ts';
import { done, type Outcome } from '../outcome.ts';
import { refusalOf } from '../plan/refusal.ts';
import type { RenderStore } from './render-store.ts';

export interface KeptFieldsInput {
  kube: KubeClient;
  renders: RenderStore;
  release: Pick<Release, 'generateOnce' | 'permissions'>;
  releaseName: string;
  namespace: string;
  /** Reference of the stored set of the last good generation. */
  lastGood: string | undefined;
  signal: AbortSignal;
}

/**
 * What the release makes once, as it was made: field by field from the stored set of the last good generation, and what
 * that does not have from the object that lives in the namespace, which a first install that failed may have left. In an
 * order in which a later one replaces an earlier one.
 */
export async function loadKeptFields(input: KeptFieldsInput): Promise<Outcome<KeptField[]>> {
  const entries = input.release.generateOnce ?? [];
  if (entries.length === 0) return done([]);
  const stored = await loadStored(input);
  const kept: KeptField[] = [];
  for (const entry of entries) {
    const name = generatedName(entry, input.releaseName);
    const live = await loadLive(input, entry, name);
    if (!live.ok) return live;
    const before = stored.find(({ kind, metadata }) => kind === entry.kind && metadata.name === name);
    for (const object of [live.value, before]) if (object) kept.push(...keptFieldsOf(entry, object));
  }
  return done(kept);
}

async function loadStored({ renders, lastGood, signal }: KeptFieldsInput): Promise<readonly RenderedObject[]> {
  if (lastGood === undefined) return [];
  try {
    const { objects, hooks } = await renders.load(lastGood);
    return [...objects, ...hooks.map(({ object }) => object)];
  } catch {
    signal.throwIfAborted();
    // Somebody removed it: what lives has the same values.
    return [];
  }
}

async function loadLive(
  { kube, release, namespace, signal }: KeptFieldsInput,
  { kind }: ReleaseGenerated,
  name: string,
): Promise<Outcome<KubeObject | undefined>> {
  const permission = release.permissions.find((entry) => entry.kind === kind && entry.verbs.includes('get'));
  if (!permission) return done(undefined);
  const { apiGroup, apiVersion } = permission;
  const ref = await persist(
    () => kube.resourceOf(apiVersionOf({ group: apiGroup, version: apiVersion }), kind),
    signal,
  );
  if (!ref) return done(undefined);
  try {
    return done(await persist(() => kube.get(ref, namespace, name, { signal }), signal));
  } catch (error) {
    if (isKubeError(error)) return { ok: false, failure: refusalOf(error, `${kind}/${name}`) };
    throw error;
  }
}
