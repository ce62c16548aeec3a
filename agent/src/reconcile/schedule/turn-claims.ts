import { fieldAt } from '@steward/shared';
import { isBeingDeleted, nameOf } from '../../kube/object.ts';
import type { KubeObject } from '../../kube/client.ts';
import { inParallel } from '../../parallel.ts';
import { isStopped, ownPart } from '../fields/never-ours.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { findObject, type ObjectPlanInput } from '../plan/plan-object.ts';
import { claimsGone, findMissingClaims } from '../volumes/missing-claims.ts';

const WIDTH = 4;

/**
 * Whether all volume claims are there of the pods of what a turn stops or starts; a failure where one was there and is gone, and the
 * service would come up on an empty volume in its place.
 * @param objects as they are while they run
 * @param hadClaims they were all there at the stop that this turn ends
 * @throws Refused
 */
export async function checkClaims(
  objects: readonly KubeObject[],
  input: ObjectPlanInput,
  { isStop, hadClaims }: { isStop: boolean; hadClaims: boolean },
): Promise<Outcome<boolean>> {
  const sets = objects.filter(({ kind }) => kind === 'StatefulSet');
  const looked = await inParallel(sets, WIDTH, async (set) => {
    const { live: found } = await findObject(set, input);
    const live = isBeingDeleted(found) ? undefined : found;
    if (discards(live ?? set)) return { set, isGone: false, missing: [], lost: [] };
    // A set that says how many pods it has may not have made them all, nor their claims.
    const missing = await findMissingClaims(set, live, input, isStop ? { from: 0 } : {});
    const lost = isStop && missing.length > 0 ? await findLost(set, live, input) : missing;
    return { set, isGone: !live, missing, lost };
  });
  const isLost = looked.find(({ lost }) => lost.length > 0);
  if (isLost && (isStop || hadClaims)) {
    const { set, isGone, lost } = isLost;
    return failed('conflict', claimsGone({ set: nameOf(set), isGone, missing: lost }, input.installation));
  }
  return done(looked.every(({ missing }) => missing.length === 0));
}

/** Of those that are missing at a stop: of pods that somebody ended. */
async function findLost(set: KubeObject, live: KubeObject | undefined, input: ObjectPlanInput): Promise<string[]> {
  if (!live) return findMissingClaims(set, live, input);
  // By this very turn, which is taken up again.
  if (isStopped(live)) return [];
  // An autoscaler may never have made as many pods as the set says.
  return findMissingClaims(ownPart(set, live, { ...input, isRepair: true }), live, input);
}

/** Each stop of it takes its volumes away: so its chart wants it. */
function discards(set: KubeObject): boolean {
  return fieldAt(set, ['spec', 'persistentVolumeClaimRetentionPolicy', 'whenScaled']) === 'Delete';
}
