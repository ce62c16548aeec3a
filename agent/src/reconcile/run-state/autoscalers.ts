import Type from 'typebox';
import { compile } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';

/** A HorizontalPodAutoscaler of the set, with its bounds where they can be read. */
export interface Autoscaler {
  name: string;
  minReplicas: number;
  maxReplicas: number | undefined;
}

const decode = compile(
  Type.Object({
    metadata: Type.Object({ name: Type.String() }),
    spec: Type.Object({
      scaleTargetRef: Type.Object({ kind: Type.String(), name: Type.String() }),
      minReplicas: Type.Optional(Type.Integer()),
      maxReplicas: Type.Optional(Type.Integer()),
    }),
  }),
);

/** Which workload, as `Deployment/web`, an autoscaler of the same set scales. */
export function autoscalersOf(objects: readonly KubeObject[]): Map<string, Autoscaler> {
  const found = new Map<string, Autoscaler>();
  for (const object of objects) {
    if (object.kind !== 'HorizontalPodAutoscaler') continue;
    const decoded = decode(object);
    if (!decoded.ok) continue;
    const { metadata, spec } = decoded.value;
    const { scaleTargetRef: target, minReplicas = 1, maxReplicas } = spec;
    found.set(`${target.kind}/${target.name}`, { name: metadata.name, minReplicas, maxReplicas });
  }
  return found;
}
