import type { KubeClient } from '../kube/client.ts';
import { SUPPORT_POLICY } from '../operations/kinds.ts';
import { persist } from '../operations/persist.ts';
import { readSupportPolicy, type SupportPolicy } from './support-policy.ts';

/** The customer's policies as they are now: read from the API server at the moment of decision, not from memory. */
export async function loadPolicies(kube: KubeClient, namespace: string, signal: AbortSignal): Promise<SupportPolicy[]> {
  const objects = await persist(() => kube.list(SUPPORT_POLICY, namespace, { signal }), signal);
  return objects.map(readSupportPolicy);
}
