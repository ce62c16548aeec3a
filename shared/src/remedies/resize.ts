import * as Type from 'typebox';
import type { Static } from 'typebox';
import { ofContainers } from './workload.ts';

/** CPU as Kubernetes takes it: `250m`, `1.5`. */
export const CpuAmount = Type.String({ pattern: '^([0-9]{1,7}m|[0-9]{1,4}(\\.[0-9]{1,3})?)$' });
/** Memory as Kubernetes takes it: `512Mi`. */
export const MemoryAmount = Type.String({ pattern: '^[0-9]{1,13}(\\.[0-9]{1,3})?(k|M|G|T|Ki|Mi|Gi|Ti)?$' });

export const SIZE_FIELDS = ['cpuRequest', 'cpuLimit', 'memoryRequest', 'memoryLimit'] as const;
export type SizeField = (typeof SIZE_FIELDS)[number];

/** What a container is given instead of what the release says; what is absent stays the release's. */
export const ContainerSize = Type.Object(
  {
    cpuRequest: Type.Optional(CpuAmount),
    cpuLimit: Type.Optional(CpuAmount),
    memoryRequest: Type.Optional(MemoryAmount),
    memoryLimit: Type.Optional(MemoryAmount),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type ContainerSize = Static<typeof ContainerSize>;

/** Sizes by container. */
export const ResizedContainers = Type.Unsafe<Record<string, ContainerSize>>({
  type: 'object',
  ...ofContainers,
  additionalProperties: ContainerSize,
});

/** What is asked of a resize: amounts by container, beside those it was given before; null gives it back to the release. */
export const ResizeRequest = Type.Unsafe<Record<string, ContainerSize | null>>({
  type: 'object',
  minProperties: 1,
  ...ofContainers,
  additionalProperties: { anyOf: [ContainerSize, { type: 'null' }] },
});

const WORDS: Readonly<Record<SizeField, string>> = {
  cpuRequest: 'CPU request',
  cpuLimit: 'CPU limit',
  memoryRequest: 'memory request',
  memoryLimit: 'memory limit',
};

export function sizeFieldText(field: SizeField): string {
  return WORDS[field];
}

/** `memory request 256Mi, memory limit 1Gi` */
export function sizeText(size: ContainerSize): string {
  return SIZE_FIELDS.flatMap((field) => (size[field] === undefined ? [] : [`${WORDS[field]} ${size[field]}`])).join(
    ', ',
  );
}
