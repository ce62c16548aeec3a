import type { KubeClient, ResourceRef } from '../kube/client.ts';
import { isKubeError } from '../kube/error.ts';

const NAMESPACES: ResourceRef = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

/**
 * What tells this cluster from another: kube-system's uid or, where the customer has not granted reading it, that of the
 * agent's own namespace.
 * @throws KubeError
 */
export async function loadClusterUid(kube: KubeClient, ownNamespace: string): Promise<string> {
  for (const name of ['kube-system', ownNamespace]) {
    try {
      const uid = (await kube.get(NAMESPACES, undefined, name))?.metadata.uid;
      if (uid !== undefined) return uid;
    } catch (error) {
      if (!isKubeError(error) || error.status !== 403) throw error;
    }
  }
  throw new Error(
    `neither the namespace kube-system nor ${ownNamespace} may be read: apply the install manifest again to restore the agent's Role`,
  );
}
