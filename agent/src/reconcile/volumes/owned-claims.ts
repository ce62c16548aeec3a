import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';

/** Whether Kubernetes deletes this by itself once all of these uids are gone: nothing else owns it. Pure. */
export function goesWithOwners({ metadata }: KubeObject, going: ReadonlySet<string>): boolean {
  const { ownerReferences: owners = [] } = metadata;
  return owners.length > 0 && owners.every(({ uid }) => going.has(uid));
}

/** These uids, and those of the StatefulSets that operators made for them, which go with them. Pure. */
export function withMadeSets(going: Iterable<string>, sets: readonly KubeObject[]): ReadonlySet<string> {
  const uids = new Set(going);
  for (const set of sets) if (set.metadata.uid !== undefined && goesWithOwners(set, uids)) uids.add(set.metadata.uid);
  return uids;
}

/** For people, at most 300 characters: `by Kubernetes, with StatefulSet/db, which owns it`. */
export function byOwners({ metadata }: KubeObject): string {
  const names = (metadata.ownerReferences ?? []).map(({ kind, name }) => nameOf({ kind, metadata: { name } }));
  return `by Kubernetes, with ${names.join(' and ')}, which ${names.length > 1 ? 'own' : 'owns'} it`.slice(0, 300);
}

/** The uids of all that owns it, and of what operators made the StatefulSets among these for. Pure. */
export function ownersOf({ metadata }: KubeObject, sets: readonly KubeObject[]): string[] {
  const uids = (metadata.ownerReferences ?? []).map(({ uid }) => uid);
  const made = sets.filter((set) => set.metadata.uid !== undefined && uids.includes(set.metadata.uid));
  return [...uids, ...made.flatMap((set) => (set.metadata.ownerReferences ?? []).map(({ uid }) => uid))];
}
