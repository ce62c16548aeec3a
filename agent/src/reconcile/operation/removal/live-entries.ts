import { WATCHED } from '../../../collect/namespace-objects.ts';
import type { KubeObject } from '../../../kube/client.ts';
import { isKubeError } from '../../../kube/error.ts';
import { isBeingDeleted } from '../../../kube/object.ts';
import type { InventoryEntry } from '../../../operations/installation/installation-object.ts';
import { inParallel } from '../../../parallel.ts';
import { findVery } from '../../execute/find-very.ts';
import { done, type Outcome } from '../../outcome.ts';
import { entryName, entryOf, mergedInventory } from '../../plan/inventory.ts';
import { orRefused, refuse } from '../../plan/plan-object.ts';
import { loadClaims } from '../../volumes/load-claims.ts';
import type { WhoseClaims } from '../../volumes/whose-claims.ts';
import { isOverdue } from '../run/deadline.ts';
import type { Run } from '../run/run.ts';

export interface LiveEntry {
  entry: InventoryEntry;
  /** Null is what may not be looked at. */
  live: KubeObject | null;
}

const WIDTH = 4;

/** All that is known to be of the installation, its claims among them. */
export async function loadOwn(run: Run, signal: AbortSignal): Promise<WhoseClaims & { entries: InventoryEntry[] }> {
  const claims = await loadClaims(run, signal);
  const own = claims.own.map((claim) => entryOf(WATCHED.PersistentVolumeClaim.ref, claim, claim.metadata.uid));
  return { ...claims, entries: mergedInventory(run.installation.status.inventory, own) };
}

/** What lives of these. An API that does not answer is waited for until the deadline. */
export async function loadAll(
  run: Run,
  entries: readonly InventoryEntry[],
  signal: AbortSignal,
): Promise<Outcome<LiveEntry[]>> {
  return orRefused(async () => {
    const found = await inParallel(entries, WIDTH, async (entry) => {
      const live = await load(run, entry, signal);
      return live === undefined ? undefined : { entry, live };
    });
    return done(found.filter((one) => one !== undefined));
  });
}

/** Undefined when it is gone or another one; null as in {@link LiveEntry}. @throws Refused */
async function load(run: Run, entry: InventoryEntry, signal: AbortSignal): Promise<KubeObject | undefined | null> {
  try {
    return (await findVery(run.context.kube, entry, { isLate: () => isOverdue(run, false), signal }))?.object;
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return null;
    return refuse(error, entryName(entry));
  }
}

/** All of these, see {@link livesOn}. */
export async function allLiveOn(run: Run, entries: readonly InventoryEntry[], signal: AbortSignal): Promise<boolean> {
  const looked = await loadAll(run, entries, signal);
  return looked.ok && looked.value.length === entries.length && looked.value.every(({ live }) => livesOn(live));
}

/** Whether it is there and not on its way out; what could not be looked at may be gone. */
export function livesOn(live: KubeObject | null | undefined): boolean {
  return live !== null && live !== undefined && !isBeingDeleted(live);
}
