import { isClaimOf, type ClaimMaker } from '../../collect/objects/storage.ts';
import type { KubeObject } from '../../kube/client.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { inventoryKey, objectKey } from '../plan/inventory.ts';
import { makersIn, mergedMakers } from './claim-makers.ts';

export interface ClaimsInput {
  /** Of the namespace. */
  claims: readonly KubeObject[];
  /** The StatefulSets that are there now; undefined where they may not be looked at. */
  sets: readonly KubeObject[] | undefined;
  inventory: readonly InventoryEntry[];
  /** StatefulSets that this installation has ever had, also those that are gone. */
  makers: readonly ClaimMaker[];
}

export interface WhoseClaims {
  own: KubeObject[];
  /** Of a neighbour, or of whom is not known. */
  others: KubeObject[];
  makers: ClaimMaker[];
  /** Its StatefulSets that are there now, also those that an operator made for it. */
  sets: KubeObject[];
}

/**
 * Which volume claims of a namespace are this installation's: those of its inventory, those that belong to something of it, and
 * those that its StatefulSets made. A set of that name that is somebody else's now has its claims. Pure.
 */
export function whoseClaims({ claims, sets, inventory, makers }: ClaimsInput): WhoseClaims {
  const known = new Map(inventory.map((entry) => [inventoryKey(entry), entry]));
  const isKnown = (object: KubeObject): boolean => {
    const entry = known.get(objectKey(object));
    return entry !== undefined && (entry.uid === undefined || entry.uid === object.metadata.uid);
  };
  const uids = new Set(inventory.flatMap(({ uid }) => uid ?? []));
  const isOwned = ({ metadata }: KubeObject): boolean =>
    metadata.ownerReferences?.some(({ uid }) => uids.has(uid)) === true;
  const [ownSets, strangers] = parted(sets ?? [], (set) => isKnown(set) || isOwned(set));
  for (const { metadata } of ownSets) if (metadata.uid !== undefined) uids.add(metadata.uid);
  const taken = new Set(strangers.map(({ metadata }) => metadata.name));
  const ours = new Set(inventory.filter(({ kind }) => kind === 'StatefulSet').map(({ name }) => name));
  const all = mergedMakers(makers, makersIn(ownSets));
  const trusted = all.filter(({ set }) => (sets ? !taken.has(set) : ours.has(set)));
  const [own, others] = parted(
    claims,
    (claim) => isKnown(claim) || isOwned(claim) || trusted.some((maker) => isClaimOf(maker, claim.metadata.name)),
  );
  return { own, others, makers: all, sets: ownSets };
}

function parted<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
