import * as Type from 'typebox';
import { amountOf, compile, type Decoded } from '@steward/shared';
import type { KubeClient, ResourceRef } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import type { Sample } from './exposition.ts';

const POD_METRICS: ResourceRef = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'PodMetrics',
  plural: 'pods',
  namespaced: true,
};
const decode = compile(
  Type.Object({
    containers: Type.Array(Type.Object({ usage: Type.Object({ cpu: Type.String(), memory: Type.String() }) })),
  }),
);
/** A namespace with more pods is not one service; 2,000 of them are a megabyte. */
const MAX_PODS = 2_000;

/** CPU and memory of each pod of a namespace by its name, as the cluster's metrics API has them; or why there are none. Never rejects. */
export async function loadPodResources(
  kube: Pick<KubeClient, 'list'>,
  namespace: string,
  signal: AbortSignal,
): Promise<Decoded<Map<string, Sample[]>> & { isMissing?: boolean }> {
  try {
    const objects = await kube.list(POD_METRICS, namespace, { maxObjects: MAX_PODS, signal });
    return {
      ok: true,
      value: new Map(
        objects.flatMap((object) => {
          const decoded = decode(object);
          return decoded.ok ? [[object.metadata.name, samplesOf(decoded.value.containers)] as const] : [];
        }),
      ),
    };
  } catch (error) {
    const isMissing = isKubeError(error) && error.status === 404;
    const why = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      error: isMissing ? 'this cluster has no metrics API (metrics-server brings it)' : why,
      isMissing,
    };
  }
}

function samplesOf(containers: readonly { usage: { cpu: string; memory: string } }[]): Sample[] {
  const sum = (resource: 'cpu' | 'memory'): number =>
    containers.reduce((total, { usage }) => total + (amountOf(usage[resource]) ?? Number.NaN), 0);
  return [
    { name: 'pod_cpu_cores', labels: {}, value: sum('cpu') },
    { name: 'pod_memory_bytes', labels: {}, value: sum('memory') },
  ];
}
