import { fieldAt, isRecord, podSpecOf } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import { isClaimOf } from '../../collect/objects/storage.ts';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { persist, type PersistOptions } from '../../operations/persist.ts';
import { changesBetween } from '../fields/changed-fields.ts';
import { makersIn } from './claim-makers.ts';

/**
 * What may be done while somebody is deleting a claim. `refused`: nothing that wants it, nor what `kept` refuses; the default.
 * `kept`: nothing that ends or makes pods that use it. `let-go`: all, it goes with its pods.
 */
export type GoingClaims = 'refused' | 'kept' | 'let-go';

/**
 * A claim that somebody is deleting and that pods of these objects use: of a StatefulSet's own, or by its name.
 * Undefined where there is none. @throws KubeError
 */
export async function findGoingClaim(
  kube: KubeClient,
  objects: readonly KubeObject[],
  { signal, ...patience }: PersistOptions & { signal: AbortSignal },
): Promise<KubeObject | undefined> {
  const makers = makersIn(objects);
  const named = new Set(objects.flatMap(namedClaims));
  if (makers.length + named.size === 0) return undefined;
  const { ref } = WATCHED.PersistentVolumeClaim;
  const namespace = objects[0]?.metadata.namespace ?? '';
  const claims = await persist(() => kube.list(ref, namespace, { signal }), signal, patience);
  return claims.find(
    ({ metadata: { name, deletionTimestamp } }) =>
      deletionTimestamp !== undefined && (named.has(name) || makers.some((maker) => isClaimOf(maker, name))),
  );
}

function namedClaims(object: KubeObject): string[] {
  const volumes = podSpecOf(object)?.['volumes'];
  if (!Array.isArray(volumes)) return [];
  const names = volumes.filter(isRecord).map((volume) => fieldAt(volume, ['persistentVolumeClaim', 'claimName']));
  return names.filter((name) => typeof name === 'string');
}

/** Whether a change of this object ends pods of it, or makes some; lowering a count does not count. Pure. */
export function turnsPods(live: KubeObject, after: KubeObject): boolean {
  const templates = [live, after].map((object) => fieldAt(object, ['spec', 'template']));
  return countOf(after) > countOf(live) || changesBetween(templates[0], templates[1], false).length > 0;
}

/** How many pods a workload asks for. */
export function countOf(object: KubeObject): number {
  return Number(fieldAt(object, ['spec', 'replicas']) ?? 1);
}
