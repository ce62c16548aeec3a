import type { KubeClient, KubeObject } from '../kube/client.ts';
import { OPERATION_APPROVAL } from '../operations/kinds.ts';
import { persist } from '../operations/persist.ts';
import { isAbout } from './approval.ts';

/** The customer's answers to an operation as they are now: read from the API server at the moment of decision, not from memory. */
export function loadApprovals(
  kube: KubeClient,
  { namespace, operation, signal }: { namespace: string; operation: string; signal: AbortSignal },
): Promise<KubeObject[]> {
  // However many there are of other operations, these are few.
  const keeps = (object: KubeObject): boolean => isAbout(object, operation);
  return persist(() => kube.list(OPERATION_APPROVAL, namespace, { keeps, signal }), signal);
}
