import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { persist, type PersistOptions } from '../../operations/persist.ts';

/** What lives of an entry: only the very object that was written down, since one of the same name that somebody made since is not ours. */
export async function findVery(
  kube: KubeClient,
  entry: Pick<InventoryEntry, 'group' | 'version' | 'kind' | 'namespace' | 'name' | 'uid'>,
  { signal, ...patience }: PersistOptions & { signal: AbortSignal },
): Promise<{ ref: ResourceRef; object: KubeObject } | undefined> {
  const { namespace, name, uid } = entry;
  const served = (): Promise<ResourceRef | undefined> => persist(() => kube.servedAs(entry), signal, patience);
  let ref = await served();
  while (ref) {
    const inVersion = ref;
    const object = await persist(() => kube.get(inVersion, namespace, name, { signal }), signal, patience);
    if (object) return uid === undefined || uid === object.metadata.uid ? { ref, object } : undefined;
    // Not there, or its version is served no longer.
    const again = await served();
    ref = again?.version === ref.version ? undefined : again;
  }
  return undefined;
}
