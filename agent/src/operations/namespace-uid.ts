import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/error.ts';
import { NAMESPACE } from './kinds.ts';
import { persist } from './persist.ts';

/** Undefined where the customer has not granted reading it, or there is none. @throws KubeError */
export async function loadNamespaceUid(
  kube: KubeClient,
  name: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return (await persist(() => kube.get(NAMESPACE, undefined, name, { signal }), signal))?.metadata.uid;
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return undefined;
    throw error;
  }
}
