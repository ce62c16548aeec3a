import { fieldAt, waveOf } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { inParallel } from '../../parallel.ts';
import { findVery } from '../execute/find-very.ts';
import { endsPods } from '../volumes/going-claims.ts';
import { entryName, inventoryKey, objectKey, reasonToKeep } from './inventory.ts';
import { patienceOf, refuse, Refused, tellGoingClaim, type ObjectPlanInput } from './plan-object.ts';

/** What becomes of an object that the set no longer has. */
export interface PlannedRemoval {
  /** Of what lives with its uid, also where a push that failed had not come to write that down. */
  entry: InventoryEntry;
  action: 'delete' | 'keep';
  wave: number;
  /** Pods that still serve use it, or it has them: it goes when the new ones are ready. */
  isLate: boolean;
}

export interface RemovalsInput {
  kube: KubeClient;
  /** See {@link leftOf}. */
  left: readonly InventoryEntry[];
  installation: string;
  goingClaims?: ObjectPlanInput['goingClaims'];
  isLate?: ObjectPlanInput['isLate'];
  signal: AbortSignal;
}

const WIDTH = 8;
/** By group and kind. Of others it is not known that the old one and the new one bear each other. */
const LATE: ReadonlySet<string> = new Set([
  '/ConfigMap',
  '/Secret',
  '/Service',
  '/ServiceAccount',
  'networking.k8s.io/Ingress',
]);

/** What is in the inventory and not in the set; what hooks made is not of a set. */
export function leftOf({
  objects,
  inventory,
}: {
  objects: readonly KubeObject[];
  inventory: readonly InventoryEntry[];
}): InventoryEntry[] {
  const wanted = new Set(objects.map(objectKey));
  return inventory.filter((entry) => entry.hook === undefined && !wanted.has(inventoryKey(entry)));
}

/** @throws Refused, also where somebody is deleting a claim that is not let go and that pods use which end: they may be the last that keep the data */
export async function planRemovals(input: RemovalsInput): Promise<PlannedRemoval[]> {
  const removals = await inParallel(input.left, WIDTH, (entry) => planRemoval(entry, input));
  return removals.filter((removal) => removal !== undefined);
}

async function planRemoval(entry: InventoryEntry, input: RemovalsInput): Promise<PlannedRemoval | undefined> {
  const { kube, signal } = input;
  const kept = { entry, action: 'keep', wave: 0, isLate: false } as const;
  if (reasonToKeep(entry.kind, undefined)) return kept;
  try {
    const live = (await findVery(kube, entry, { ...patienceOf(input), signal }))?.object;
    if (!live) return undefined;
    const action = reasonToKeep(entry.kind, live.metadata.annotations) ? 'keep' : 'delete';
    const goes = action === 'delete' && input.goingClaims !== 'let-go' && endsPods(live);
    const message = goes ? await tellGoingClaim([live], input) : undefined;
    if (message !== undefined) throw new Refused({ reason: 'apply-refused', message });
    const { uid } = live.metadata;
    return {
      entry: { ...entry, ...(uid !== undefined && { uid }) },
      action,
      wave: waveOf(live),
      isLate: goesLate(entry, live),
    };
  } catch (error) {
    // The new grant may no longer name it: then it cannot be removed either.
    if (isKubeError(error) && error.status === 403) return kept;
    return refuse(error, entryName(entry));
  }
}

/** A Deployment that rolls has had its old pods beside the new ones at each upgrade. */
function goesLate({ group, kind }: InventoryEntry, live: KubeObject): boolean {
  if (group === 'apps' && kind === 'Deployment') return fieldAt(live, ['spec', 'strategy', 'type']) !== 'Recreate';
  return LATE.has(`${group}/${kind}`);
}
