import { WATCHED } from '../../collect/namespace-objects.ts';
import type { KubeObject } from '../../kube/client.ts';
import { persist } from '../../operations/persist.ts';
import { patienceOf, refuse, type ObjectPlanInput } from '../plan/plan-object.ts';

/** The volume claims of a namespace, for a plan. @throws Refused when they cannot be looked for */
export function listClaims(
  { kube, isLate, signal }: Pick<ObjectPlanInput, 'kube' | 'isLate' | 'signal'>,
  namespace: string,
): Promise<KubeObject[]> {
  const list = (): Promise<KubeObject[]> => kube.list(WATCHED.PersistentVolumeClaim.ref, namespace, { signal });
  return persist(list, signal, patienceOf({ isLate })).catch((error: unknown) => refuse(error, 'the volume claims'));
}
