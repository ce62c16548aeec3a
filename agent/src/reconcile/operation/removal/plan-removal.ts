import { waveOf } from '@steward/shared';
import { WATCHED } from '../../../collect/namespace-objects.ts';
import { isClaimOf, type ClaimMaker } from '../../../collect/objects/storage.ts';
import type { KubeObject } from '../../../kube/client.ts';
import { isBeingDeleted, nameOf } from '../../../kube/object.ts';
import type { InventoryEntry } from '../../../operations/installation/installation-object.ts';
import { loadOthers } from '../../adopt/others.ts';
import { done, type Outcome } from '../../outcome.ts';
import { inventoryKey, reasonToKeep } from '../../plan/inventory.ts';
import { agreedBy } from '../../plan/reach.ts';
import { endsPods, uses } from '../../volumes/going-claims.ts';
import { goesWithOwners, withMadeSets } from '../../volumes/owned-claims.ts';
import type { WhoseClaims } from '../../volumes/whose-claims.ts';
import type { Run } from '../run/run.ts';
import { loadAll, loadOwn, type LiveEntry } from './live-entries.ts';
import { inTurn, isClaimEntry, type Going } from './removal-order.ts';

export interface Removal {
  goes: Going[];
  stays: InventoryEntry[];
  /** What the agent does not delete and Kubernetes does, since all that owns it goes. */
  follows: KubeObject[];
  /** What is in the namespace and is not this installation's: nobody's business but the customer's. */
  others: string[];
  makers: ClaimMaker[];
  inDeletion: ClaimInDeletion[];
}

/** One that is being deleted and that nobody agreed to lose. */
export interface ClaimInDeletion {
  claim: KubeObject;
  isOwn: boolean;
  /** What goes and whose pods use it; none where something else holds it, which is so of own ones only. */
  users: KubeObject[];
}

interface Found extends LiveEntry {
  keep: boolean;
  wave: number;
}

const SET = WATCHED.StatefulSet.ref;

/**
 * What is there, and what becomes of it. What the agent may not look at stays: no grant names it any more. But for what it was agreed to
 * remove: the rights for that went since, and without them it fails.
 */
export async function planRemoval(run: Run, signal: AbortSignal): Promise<Outcome<Removal>> {
  const { deleteVolumes } = run.record.spec.desired;
  const { entries, ...claims } = await loadOwn(run, signal);
  const { others, makers } = claims;
  const workloads = await loadOthers(run, { applied: run.installation.status.inventory, makers, signal });
  const looked = await loadAll(run, entries, signal);
  if (!looked.ok) return looked;
  const { state, reach } = run.record.status;
  const isAgreed = state === 'running' ? agreedBy(reach) : () => false;
  const decided = looked.value.map(({ entry, live }): Found => {
    if (live === null && !isAgreed(inventoryKey(entry))) return { entry, live, keep: true, wave: 0 };
    const isKept = reasonToKeep(entry.kind, live?.metadata.annotations) !== undefined;
    return { entry, live, keep: isClaimEntry(entry) ? !deleteVolumes : isKept, wave: live ? waveOf(live) : 0 };
  });
  const isNeeded = claimsNeeded(
    decided.filter(({ entry, live, keep }) => keep && !isClaimEntry(entry) && !isBeingDeleted(live)),
    claims,
  );
  const found = decided.map((one): Found => ({
    ...one,
    keep: one.keep || (isClaimEntry(one.entry) && one.live !== null && isNeeded(one.live)),
  }));
  const going = found.flatMap(({ entry, live, keep }) => (live && !keep && entry.hook === undefined ? [live] : []));
  const inDeletion = findInDeletion(run, going, claims);
  const uids = uidsThatGo(entries, found, claims.sets);
  const isFollowing = ({ live }: Found): boolean => live !== null && goesWithOwners(live, uids);
  const kept = found.filter(({ keep, live }) => keep && !isBeingDeleted(live));
  return done({
    goes: inTurn(
      found.filter(({ keep }) => !keep),
      claims,
    ),
    stays: kept.filter((one) => !isFollowing(one)).map(({ entry }) => entry),
    follows: kept.flatMap((one) => (one.live && isFollowing(one) ? [one.live] : [])),
    others: [...workloads, ...others.filter((other) => !inDeletion.some(({ claim }) => claim === other)).map(nameOf)],
    makers,
    inDeletion,
  });
}

/**
 * Whether a claim stays with something that does: with its owner, or what uses it. Of what may not be looked at is known which claims
 * it owns or has made, and not what else it uses.
 */
function claimsNeeded(staying: readonly Found[], { sets, makers }: WhoseClaims): (claim: KubeObject) => boolean {
  const uids = withMadeSets(
    staying.flatMap(({ entry, live }) => live?.metadata.uid ?? entry.uid ?? []),
    sets,
  );
  const users = [
    ...staying.flatMap(({ live }) => live ?? []),
    ...sets.filter(({ metadata }) => uids.has(metadata.uid ?? '')),
  ];
  const unseen = new Set(
    staying.flatMap(({ entry, live }) => (live === null && entry.kind === SET.kind ? [entry.name] : [])),
  );
  const made = makers.filter(({ set }) => unseen.has(set));
  return (claim) =>
    claim.metadata.ownerReferences?.some(({ uid }) => uids.has(uid)) === true ||
    users.some((live) => uses(live, claim)) ||
    made.some((maker) => isClaimOf(maker, claim.metadata.name));
}

/** Of what goes, or is gone already, and of the StatefulSets that operators made for it. */
function uidsThatGo(
  entries: readonly InventoryEntry[],
  found: readonly Found[],
  sets: readonly KubeObject[],
): ReadonlySet<string> {
  const uids = new Set(entries.flatMap(({ uid }) => uid ?? []));
  for (const { entry, live, keep } of found) {
    const uid = entry.uid ?? live?.metadata.uid;
    if (uid === undefined) continue;
    if (keep && !isBeingDeleted(live)) uids.delete(uid);
    else uids.add(uid);
  }
  return withMadeSets(uids, sets);
}

function findInDeletion(
  { record }: Run,
  goes: readonly KubeObject[],
  { own, others, sets }: WhoseClaims,
): ClaimInDeletion[] {
  const standing = goes.filter((live) => !isBeingDeleted(live));
  const uids = new Set(standing.map(({ metadata }) => metadata.uid));
  const made = sets.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uids.has(uid)));
  const ending = [...standing, ...made].filter(endsPods);
  const claims = record.spec.desired.deleteVolumes ? others : [...own, ...others];
  return claims.filter(isBeingDeleted).flatMap((claim) => {
    const users = ending.filter((live) => uses(live, claim));
    const isOwn = own.includes(claim);
    return isOwn || users.length > 0 ? [{ claim, isOwn, users }] : [];
  });
}

/** What came since the plan was agreed to stays, but for what hooks of this very operation made. */
export function withinAgreed(removal: Removal, reach: readonly string[] | undefined): Removal {
  const { goes, stays } = removal;
  const isInPlan = agreedBy(reach);
  const isAgreed = ({ entry }: Going): boolean => entry.hook !== undefined || isInPlan(inventoryKey(entry));
  const came = goes.filter((going) => !isAgreed(going)).map(({ entry }) => entry);
  return { ...removal, goes: goes.filter(isAgreed), stays: [...stays, ...came] };
}
