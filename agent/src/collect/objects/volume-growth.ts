import { amountOf, type HealthReason } from '@steward/shared';
import type { NamespaceObjects } from '../namespace-objects.ts';
import { usersOf } from './pod.ts';
import { isClaimOf, type ClaimView, type Growth } from './storage.ts';

type Wanting = Pick<NamespaceObjects, 'workloads' | 'pods'>;

/**
 * What a claim's volume lacks of what is wanted; undefined when it is large enough. A claim may ask for more than is wanted:
 * a size that a version asked for which was taken back stays asked for, whether the volume grew or not. And the file system of a
 * volume that no pod uses follows when one does.
 */
export function lackOf(claim: ClaimView, objects: Wanting): Growth | undefined {
  const { growing, name } = claim;
  if (growing?.isFileSystemLeft && usersOf(name, objects.pods).length === 0) return undefined;
  const wanted = growing && sizeWanted(name, objects);
  if (growing && wanted !== undefined && (amountOf(growing.from) ?? 0) >= (amountOf(wanted) ?? 0)) return undefined;
  return growing;
}

/** What the template of its StatefulSet asks for. */
function sizeWanted(claim: string, { workloads }: Wanting): string | undefined {
  for (const sets of workloads)
    for (const { name: set, volumes = [] } of sets.values())
      for (const { template, size } of volumes) if (isClaimOf({ set, templates: [template] }, claim)) return size;
  return undefined;
}

/** Why a volume is smaller than asked, for people: whether it will be larger by itself, or who has to do something. */
export function lackReason(claim: string, { from, to, isFileSystemLeft, refused }: Growth): HealthReason {
  const object = `PersistentVolumeClaim/${claim}`;
  const sizes = `it has ${from} of the ${to} asked for`;
  if (refused !== undefined) {
    const toDo = 'Make room there (it goes on by itself), or set a size between the two';
    const message = `${sizes}, and the storage driver refuses to make it larger: ${refused}. ${toDo}`;
    return { code: 'VolumeNotGrown', object, message };
  }
  const left = isFileSystemLeft
    ? 'the volume is larger already, its file system follows; some drivers need the pod to be restarted for that'
    : 'the storage driver is making it larger';
  return { code: 'VolumeGrowing', object, message: `${sizes}: ${left}` };
}
