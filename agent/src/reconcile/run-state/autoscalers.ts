import * as Type from 'typebox';
import { compile } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';

/** What scales a workload of the same set: a HorizontalPodAutoscaler, or a ScaledObject of KEDA, which makes one. */
export interface Autoscaler {
  kind: string;
  name: string;
  /** Its bounds, where they can be read. */
  minReplicas: number;
  maxReplicas: number | undefined;
}

const Target = Type.Object({ kind: Type.Optional(Type.String()), name: Type.String() });
const decode = compile(
  Type.Object({
    metadata: Type.Object({ name: Type.String() }),
    spec: Type.Object({
      scaleTargetRef: Target,
      minReplicas: Type.Optional(Type.Integer()),
      maxReplicas: Type.Optional(Type.Integer()),
      minReplicaCount: Type.Optional(Type.Integer()),
      maxReplicaCount: Type.Optional(Type.Integer()),
    }),
  }),
);

/** KEDA's own, where a ScaledObject does not say. */
const KEDA_DEFAULTS = { minReplicas: 0, maxReplicas: 100 };

export function isScaledObject({ apiVersion, kind }: KubeObject): boolean {
  return kind === 'ScaledObject' && apiVersion.startsWith('keda.sh/');
}

/** Which workload, as `Deployment/web`, an autoscaler of the same set scales. */
export function autoscalersOf(objects: readonly KubeObject[]): Map<string, Autoscaler> {
  const found = new Map<string, Autoscaler>();
  for (const object of objects) {
    const { kind } = object;
    if (kind !== 'HorizontalPodAutoscaler' && !isScaledObject(object)) continue;
    const decoded = decode(object);
    if (!decoded.ok) continue;
    const { metadata, spec } = decoded.value;
    const { scaleTargetRef: target } = spec;
    const bounds = isScaledObject(object)
      ? {
          minReplicas: spec.minReplicaCount ?? KEDA_DEFAULTS.minReplicas,
          maxReplicas: spec.maxReplicaCount ?? KEDA_DEFAULTS.maxReplicas,
        }
      : { minReplicas: spec.minReplicas ?? 1, maxReplicas: spec.maxReplicas };
    found.set(`${target.kind ?? 'Deployment'}/${target.name}`, { kind, name: metadata.name, ...bounds });
  }
  return found;
}
