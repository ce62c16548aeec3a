import type { NamespaceObjects } from './namespace-objects.ts';
import { workloadOf } from './objects/pod.ts';
import { isClaimOf, type ClaimMaker } from './objects/storage.ts';

/** By what the objects of an installation are told from those of its neighbours in the namespace. */
export interface Belongings {
  /** `Kind/name` of all it has applied that has a health or makes something that has. */
  objects: ReadonlySet<string>;
  /** Names of those of kinds that an operator looks after. */
  custom: readonly string[];
  claimMakers: readonly ClaimMaker[];
}

interface Applied {
  group: string;
  kind: string;
  name: string;
}

const CORE_KINDS: ReadonlySet<string> = new Set(['Pod', 'Service', 'PersistentVolumeClaim', 'ReplicationController']);
const WORKLOAD_GROUPS: ReadonlySet<string> = new Set(['apps', 'batch']);

export function belongingsOf(applied: readonly Applied[], claimMakers: readonly ClaimMaker[]): Belongings {
  const custom = applied.filter(isCustom);
  const others = applied.filter(({ group, kind }) =>
    group === '' ? CORE_KINDS.has(kind) : WORKLOAD_GROUPS.has(group),
  );
  const objects = new Set([...custom, ...others].map(({ kind, name }) => `${kind}/${name}`));
  return { objects, custom: custom.map(({ name }) => name), claimMakers };
}

function isCustom({ group }: Applied): boolean {
  return group.includes('.') && !group.endsWith('.k8s.io');
}

/**
 * Of what is in a namespace that which is the installation's: what it applied, what that has made, as owner references say,
 * and the claims of it. Pure.
 */
export function ownObjects(objects: NamespaceObjects, belongings: Belongings): NamespaceObjects {
  const isOwn = ownership(objects, belongings);
  const pods = kept(objects.pods, (pod) => isOwn(workloadOf(pod)));
  const used = new Set([...pods.values()].flatMap(({ claims }) => claims));
  return {
    pods,
    workloads: objects.workloads.map((workloads) => kept(workloads, ({ kind, name }) => isOwn(`${kind}/${name}`))),
    jobs: kept(objects.jobs, ({ name }) => isOwn(`Job/${name}`)),
    claims: kept(
      objects.claims,
      ({ name, owner }) =>
        used.has(name) ||
        belongings.objects.has(`PersistentVolumeClaim/${name}`) ||
        (owner !== undefined && isOwn(owner)) ||
        belongings.claimMakers.some((maker) => isClaimOf(maker, name)),
    ),
    endpoints: kept(objects.endpoints, ({ service }) => belongings.objects.has(`Service/${service}`)),
  };
}

/** What is in a namespace and is somebody else's, by the topmost name that is known of it; claims are told elsewhere. Pure. */
export function othersIn(objects: NamespaceObjects, belongings: Belongings): string[] {
  const isOwn = ownership(objects, belongings);
  const found = [
    ...objects.workloads.flatMap((workloads) =>
      [...workloads.values()].map(({ kind, name, owner }) => owner ?? `${kind}/${name}`),
    ),
    ...[...objects.jobs.values()].filter(({ isHook }) => !isHook).map(({ name, owner }) => owner ?? `Job/${name}`),
    ...[...objects.pods.values()].filter(({ isHook }) => !isHook).map(workloadOf),
  ];
  return [...new Set(found)].filter((name) => !isOwn(name)).toSorted();
}

/** How long a chain of owners is followed; a longer one is nobody's. */
const MAX_OWNERS = 5;

function ownership(objects: NamespaceObjects, { objects: applied, custom }: Belongings): (name: string) => boolean {
  const owners = new Map<string, string | undefined>();
  for (const workloads of objects.workloads)
    for (const { kind, name, owner } of workloads.values()) owners.set(`${kind}/${name}`, owner);
  for (const { name, owner } of objects.jobs.values()) owners.set(`Job/${name}`, owner);
  const isOwn = (name: string, left: number): boolean => {
    if (applied.has(name)) return true;
    if (!owners.has(name)) return isOfOperator(name, custom);
    const owner = owners.get(name);
    return owner !== undefined && left > 0 && isOwn(owner, left - 1);
  };
  return (name) => isOwn(name, MAX_OWNERS);
}

/**
 * Between an object of the installation and its pods an operator may put what the agent has no right to see, a StatefulSet or a kind of
 * its own; they name that after the object.
 */
function isOfOperator(unseen: string, custom: readonly string[]): boolean {
  if (unseen.startsWith('Pod/')) return false;
  const name = unseen.slice(unseen.indexOf('/') + 1);
  return custom.some((known) => name === known || name.startsWith(`${known}-`));
}

function kept<T>(items: ReadonlyMap<string, T>, isKept: (item: T) => boolean): ReadonlyMap<string, T> {
  // Mostly nothing is a neighbour's: no second map of all that is there.
  for (const item of items.values()) if (!isKept(item)) return new Map([...items].filter(([, one]) => isKept(one)));
  return items;
}
