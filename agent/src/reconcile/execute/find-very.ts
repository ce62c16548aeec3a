import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { persist, type PersistOptions } from '../../operations/persist.ts';

/** What lives of an entry: only the very object that was written down, since one of the same name that somebody made since is not ours. */
export async function findVery(
  kube: KubeClient,
  entry: InventoryEntry,
  { signal, ...patience }: PersistOptions & { signal: AbortSignal },
): Promise<{ ref: ResourceRef; object: KubeObject } | undefined> {
  const { namespace, name, uid } = entry;
  const ref = await persist(() => kube.servedAs(entry), signal, patience);
  if (!ref) return undefined;
  const object = await persist(() => kube.get(ref, namespace, name, { signal }), signal, patience);
  return object && (uid === undefined || uid === object.metadata.uid) ? { ref, object } : undefined;
}
