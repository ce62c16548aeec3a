import { WORKLOAD_KINDS } from '../../collect/objects/workload.ts';
import type { KubeObject, ResourceRef } from '../../kube/client.ts';
import { groupOf } from '../../kube/object.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';

/** One object in one line: `apps/Deployment shop-ns/web`. The version is left out, it may change. */
export function inventoryKey(entry: Pick<InventoryEntry, 'group' | 'kind' | 'namespace' | 'name'>): string {
  return `${entry.group}/${entry.kind} ${entry.namespace ?? ''}/${entry.name}`;
}

/** The same of an object, by which its entry is found. */
export function objectKey({ apiVersion, kind, metadata }: KubeObject): string {
  return inventoryKey({ ...metadata, group: groupOf(apiVersion), kind });
}

/** `Deployment/web`, for people. */
export function entryName({ kind, name }: Pick<InventoryEntry, 'kind' | 'name'>): string {
  return `${kind}/${name}`;
}

export function entryOf(ref: ResourceRef, object: KubeObject, uid?: string): InventoryEntry {
  const { name, namespace } = object.metadata;
  return {
    group: ref.group,
    version: ref.version,
    kind: ref.kind,
    ...(namespace !== undefined && { namespace }),
    name,
    ...(uid !== undefined && { uid }),
  };
}

/** Everything of both; of what is in both the second is right, but keeps a uid that only the first knows. */
export function mergedInventory(first: readonly InventoryEntry[], second: readonly InventoryEntry[]): InventoryEntry[] {
  const merged = new Map(first.map((entry) => [inventoryKey(entry), entry]));
  for (const entry of second) {
    const uid = entry.uid ?? merged.get(inventoryKey(entry))?.uid;
    merged.set(inventoryKey(entry), uid === undefined ? entry : { ...entry, uid });
  }
  return [...merged.values()];
}

/** Never removed by the agent itself: what they hold cannot be had again. */
const KEPT_KINDS: ReadonlySet<string> = new Set([
  'PersistentVolumeClaim',
  'PersistentVolume',
  'Namespace',
  'CustomResourceDefinition',
]);

/** Why an object stays when its installation no longer names it; undefined when it may go. */
export function reasonToKeep(kind: string, annotations: Record<string, string> | undefined): string | undefined {
  if (KEPT_KINDS.has(kind)) return `a ${kind} is never removed with an upgrade`;
  return annotations?.['helm.sh/resource-policy'] === 'keep' ? 'its resource policy is keep' : undefined;
}

const RUNNING_KINDS: ReadonlySet<string> = new Set([...WORKLOAD_KINDS, 'Pod', 'ReplicaSet', 'ReplicationController']);

/** Whether it runs, or an operator may run it: what may change the data of a service. What a hook made is not of the service. */
export function isOfService({ kind, group, hook }: InventoryEntry): boolean {
  return hook === undefined && (RUNNING_KINDS.has(kind) || (group.includes('.') && !group.endsWith('.k8s.io')));
}

/** By kind, as kubectl takes them: `['configmap', 'a b']`. */
export function namesByKind(entries: readonly InventoryEntry[]): [kind: string, names: string][] {
  const groups = [...Map.groupBy(entries, ({ kind }) => kind)];
  return groups.map(([kind, these]) => [kind.toLowerCase(), these.map(({ name }) => name).join(' ')]);
}
