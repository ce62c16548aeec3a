import { WATCHED } from '../../../collect/namespace-objects.ts';
import type { InventoryEntry } from '../../../operations/installation/installation-object.ts';
import { orderOf } from '../../plan/kind-order.ts';
import { uses } from '../../volumes/going-claims.ts';
import { ownersOf } from '../../volumes/owned-claims.ts';
import type { WhoseClaims } from '../../volumes/whose-claims.ts';
import type { LiveEntry } from './live-entries.ts';

/** With the wave that it is of: as it lives, since the inventory does not have it. */
export interface Going {
  entry: InventoryEntry;
  wave: number;
  /** It is of a hook and uses a claim that goes, which would wait for it. */
  holds: boolean;
}

interface ToGo extends LiveEntry {
  wave: number;
}

/**
 * A pod holds the claims that it uses until it is gone, also one that has ended, and what owns claims goes only with them. So claims go
 * last, and what uses one goes before its owner. Waves need not say so: what Kubernetes or a hook has made bears none. Pure.
 */
export function inTurn(
  goes: readonly ToGo[],
  { own, others, sets }: Pick<WhoseClaims, 'own' | 'others' | 'sets'>,
): Going[] {
  const last = Math.min(...goes.map(({ wave }) => wave));
  const placed = goes.map(({ entry, wave }) => ({ entry, holds: false, wave: isClaimEntry(entry) ? last : wave }));
  const byUid = new Map(goes.map(({ live }, at) => [live?.metadata.uid, placed[at]]));
  const deleted = new Set(goes.filter(({ entry }) => isClaimEntry(entry)).map(({ entry }) => entry.name));
  const users = goes.flatMap(({ live }, at) => {
    const user = placed[at];
    if (!live || !user) return [];
    const used = [...own, ...others].filter((claim) => uses(live, claim));
    const later = used.flatMap((claim) => {
      const owners = ownersOf(claim, sets).flatMap((uid) => byUid.get(uid) ?? []);
      return owners.includes(user) ? [] : owners;
    });
    user.holds =
      user.entry.hook !== undefined && (later.length > 0 || used.some(({ metadata }) => deleted.has(metadata.name)));
    return later.length > 0 ? [{ user, later }] : [];
  });
  // Two that use each other's claims can have no order: so not for ever.
  for (let round = 0; round < users.length; round += 1)
    for (const { user, later } of users)
      for (const owner of later) if (!isBefore(user, owner)) user.wave = owner.wave + 1;
  return placed;
}

export function isClaimEntry({ group, kind }: InventoryEntry): boolean {
  return group === '' && kind === WATCHED.PersistentVolumeClaim.ref.kind;
}

function isBefore(one: Going, other: Going): boolean {
  if (one.wave !== other.wave) return one.wave > other.wave;
  return orderOf(one.entry.kind) > orderOf(other.entry.kind);
}
