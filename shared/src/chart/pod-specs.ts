import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile, type Decoded } from '../schema.ts';
import { isRecord } from '../json.ts';
import { fieldAt } from './field-path.ts';
import { mapOf } from '../schema-map.ts';

/** As much of a rendered object as every reader of a chart needs. */
export const RenderedObject = Type.Object({
  apiVersion: Type.String({ maxLength: 320 }),
  kind: Type.String({ minLength: 1, maxLength: 64 }),
  metadata: Type.Object({
    name: Type.String({ minLength: 1, maxLength: 253 }),
    namespace: Type.Optional(Type.String()),
    labels: Type.Optional(mapOf(Type.String())),
    annotations: Type.Optional(mapOf(Type.String())),
  }),
});
export type RenderedObject = Static<typeof RenderedObject> & Record<string, unknown>;
const decode = compile(RenderedObject);

/** The error names the place that is wrong. Parts of `metadata` that a template left empty count as not there, as in Kubernetes. */
export function decodeRenderedObject(value: unknown): Decoded<RenderedObject> {
  const decoded = decode(withoutEmptyMetadata(value));
  return decoded.ok ? { ok: true, value: decoded.value as RenderedObject } : decoded;
}

function withoutEmptyMetadata(value: unknown): unknown {
  if (!isRecord(value) || !isRecord(value['metadata'])) return value;
  const isEmpty = (key: string, part: unknown): boolean => part === null || (key === 'namespace' && part === '');
  const entries = Object.entries(value['metadata']).filter(([key, part]) => !isEmpty(key, part));
  return { ...value, metadata: Object.fromEntries(entries) };
}

const POD_SPEC_PATHS: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec'],
  PodTemplate: ['template', 'spec'],
  ReplicationController: ['spec', 'template', 'spec'],
  Deployment: ['spec', 'template', 'spec'],
  ReplicaSet: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'],
  DaemonSet: ['spec', 'template', 'spec'],
  Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

/** Whether the kind, of Kubernetes itself, makes pods. */
export function makesPods(kind: string): boolean {
  return kind in POD_SPEC_PATHS;
}

/** Whether the pods of a workload are replaced when somebody deletes them, and not before. */
export function isOnDelete(object: unknown): boolean {
  return fieldAt(object, ['spec', 'updateStrategy', 'type']) === 'OnDelete';
}

/** The pod spec inside a workload of Kubernetes itself; undefined for other objects and for a workload without one. */
export function podSpecOf(object: { kind: string }): Record<string, unknown> | undefined {
  let at: unknown = object;
  for (const key of POD_SPEC_PATHS[object.kind] ?? ['']) at = isRecord(at) ? at[key] : undefined;
  return isRecord(at) ? at : undefined;
}

/** Every container of a pod spec: init, main and ephemeral. */
export function containersOf(podSpec: Record<string, unknown>): Record<string, unknown>[] {
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap((key) => {
    const list = podSpec[key];
    return Array.isArray(list) ? list.filter(isRecord) : [];
  });
}

/** Where a pod spec names images: its containers, and its image volumes. What is written there changes the pod spec. */
export function imagePlacesOf(podSpec: Record<string, unknown>): { holder: Record<string, unknown>; field: string }[] {
  const volumes = Array.isArray(podSpec['volumes']) ? podSpec['volumes'].filter(isRecord) : [];
  return [
    ...containersOf(podSpec).map((holder) => ({ holder, field: 'image' })),
    ...volumes.flatMap((volume) =>
      isRecord(volume['image']) ? [{ holder: volume['image'], field: 'reference' }] : [],
    ),
  ];
}

/** Image references of a workload as they are written. */
export function imagesOf(object: { kind: string }): string[] {
  const podSpec = podSpecOf(object);
  const references = podSpec ? imagePlacesOf(podSpec).map(({ holder, field }) => holder[field]) : [];
  return references.filter((reference) => typeof reference === 'string');
}
