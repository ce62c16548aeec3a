import { fieldAt, isRecord, podSpecOf } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import { isClaimOf } from '../../collect/objects/storage.ts';
import { STOPPED_ANNOTATION } from '../../collect/objects/workload.ts';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isBeingDeleted } from '../../kube/object.ts';
import { persist, type PersistOptions } from '../../operations/persist.ts';
import { changesBetween } from '../fields/changed-fields.ts';
import { howFarEnded } from '../hooks/hook-object.ts';
import { makersIn } from './claim-makers.ts';

/**
 * What may be done while somebody is deleting a claim. `refused`: nothing that wants it, nor what `kept` refuses; the default.
 * `kept`: nothing that ends or makes pods that use it. `let-go`: all, since it is to go with its pods, or was asked for before.
 */
export type GoingClaims = 'refused' | 'kept' | 'let-go';

/** Which claim of the namespace somebody is deleting while pods of these objects use it; undefined where there is none. @throws KubeError */
export async function findGoingClaim(
  kube: KubeClient,
  objects: readonly KubeObject[],
  { signal, ...patience }: PersistOptions & { signal: AbortSignal },
): Promise<KubeObject | undefined> {
  if (makersIn(objects).length + objects.flatMap(namedClaims).length === 0) return undefined;
  const { ref } = WATCHED.PersistentVolumeClaim;
  const namespace = objects[0]?.metadata.namespace ?? '';
  const claims = await persist(() => kube.list(ref, namespace, { signal }), signal, patience);
  return claims.find((claim) => isBeingDeleted(claim) && objects.some((object) => uses(object, claim)));
}

/** Whether pods of it use this claim: by its name, or as one that they have been made with. Pure. */
export function uses(live: KubeObject, { metadata: { name } }: KubeObject): boolean {
  return namedClaims(live).includes(name) || makersIn([live]).some((maker) => isClaimOf(maker, name));
}

/** Of the claims that its pods use those that it names itself. Pure. */
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

/** Whether pods end when this goes, which lives: not where none are asked for, and not where they end already. Pure. */
export function endsPods(live: KubeObject): boolean {
  return !isBeingDeleted(live) && countOf(live) > 0 && howFarEnded(live) !== 'over';
}

/** How many pods a workload asks for. */
export function countOf(object: KubeObject): number {
  const withoutCount = object.metadata.annotations?.[STOPPED_ANNOTATION] === 'true' ? 0 : 1;
  return Number(fieldAt(object, ['spec', 'replicas']) ?? withoutCount);
}
