import type { KubeClient } from '../kube/client.ts';
import { loadNamespaceUid } from '../operations/namespace-uid.ts';

/**
 * What tells this cluster from another: kube-system's uid or, where the customer has not granted reading it, that of the
 * agent's own namespace. A refusal by an API server that has just started is not believed: with the other uid the agent would
 * be taken for one in another cluster.
 * @throws KubeError
 */
export async function loadClusterUid(kube: KubeClient, ownNamespace: string, signal: AbortSignal): Promise<string> {
  for (const name of ['kube-system', ownNamespace]) {
    const uid = await loadNamespaceUid(kube, name, signal);
    if (uid !== undefined) return uid;
  }
  throw new Error(
    `neither the namespace kube-system nor ${ownNamespace} may be read: apply the install manifest again to restore the agent's Role`,
  );
}
