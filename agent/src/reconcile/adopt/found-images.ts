import * as Type from 'typebox';
import type { Static } from 'typebox';
import { containersOf, fieldAt, normalizeImage, podSpecOf, type RenderedObject, isRecord } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { isOfRelease, type HelmRelease } from './helm-marks.ts';
import { listAllowed } from './listable-kinds.ts';

/** An image as a workload that runs names it, and the digests by which its pods run it. */
export const FoundImage = Type.Object({
  kind: Type.String(),
  name: Type.String(),
  container: Type.String(),
  image: Type.String(),
  digests: Type.Array(Type.String()),
});
export type FoundImage = Static<typeof FoundImage>;

const POD = WATCHED.Pod.ref;
const DIGEST = /sha256:[0-9a-f]{64}$/;

/**
 * The rendered set with images named as they run, where that name means the very digest that was signed: to write the digest
 * into the pod template would replace every pod for nothing. What pods run by another digest stays pinned, which is then
 * a difference. Whatever replaces pods anyway pins them all.
 */
export function withFoundImages<T extends RenderedObject>(objects: readonly T[], found: readonly FoundImage[]): T[] {
  if (found.length === 0) return [...objects];
  return objects.map((object) => {
    const own = found.filter(({ kind, name }) => kind === object.kind && name === object.metadata.name);
    if (own.length === 0) return object;
    const copy = structuredClone(object);
    for (const container of containersOf(podSpecOf(copy) ?? {})) {
      const { name, image: pinned } = container;
      const entry = own.find((one) => one.container === name);
      if (entry && typeof pinned === 'string' && isSame(entry, pinned)) container['image'] = entry.image;
    }
    return copy;
  });
}

function isSame({ image, digests }: FoundImage, pinned: string): boolean {
  const [reference, digest = ''] = pinned.split('@');
  return normalizeImage(image) === reference && digests.every((one) => one === digest);
}

/** Of every workload of the Helm release that may be listed; pods are by their workload's selector. */
export async function loadFoundImages(
  kube: KubeClient,
  { release, kinds, signal }: { release: HelmRelease; kinds: readonly ResourceRef[]; signal: AbortSignal },
): Promise<FoundImage[]> {
  const { namespace } = release;
  const [pods = [], ...lists] = await listAllowed(kube, [POD, ...kinds], { namespace, signal });
  return lists.flatMap((workloads = []) =>
    workloads.filter((object) => isOfRelease(object, release)).flatMap((workload) => foundImagesOf(workload, pods)),
  );
}

/** @param pods of the namespace */
export function foundImagesOf(workload: KubeObject, pods: readonly KubeObject[]): FoundImage[] {
  const { kind, metadata } = workload;
  const labels = fieldAt(workload, ['spec', 'selector', 'matchLabels']);
  const own = isRecord(labels) ? pods.filter((pod) => isSelected(pod, labels) && !hasEnded(pod)) : [];
  return containersOf(podSpecOf(workload) ?? {}).flatMap(({ name: container, image }) =>
    typeof container === 'string' && typeof image === 'string'
      ? [{ kind, name: metadata.name, container, image, digests: digestsOf(own, container) }]
      : [],
  );
}

/** The empty text stands for a pod of which nobody says the digest. */
function digestsOf(pods: readonly KubeObject[], container: string): string[] {
  const digests = pods.map((pod) => {
    const lists = ['containerStatuses', 'initContainerStatuses'].map((field) => fieldAt(pod, ['status', field]));
    const statuses = lists.flatMap((list: unknown): unknown[] => (Array.isArray(list) ? list : [])).filter(isRecord);
    const id = statuses.find(({ name }) => name === container)?.['imageID'];
    return typeof id === 'string' ? (DIGEST.exec(id)?.[0] ?? '') : '';
  });
  return [...new Set(digests)];
}

function isSelected({ metadata }: KubeObject, labels: Record<string, unknown>): boolean {
  return Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value);
}

function hasEnded(pod: KubeObject): boolean {
  const phase = fieldAt(pod, ['status', 'phase']);
  return phase === 'Succeeded' || phase === 'Failed';
}
