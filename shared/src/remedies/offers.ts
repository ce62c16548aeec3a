import * as Type from 'typebox';
import type { Static } from 'typebox';
import { amountOf } from '../quantity.ts';
import type { Autoscale } from './autoscale.ts';
import { CpuAmount, MemoryAmount, SIZE_FIELDS, sizeFieldText, type ContainerSize } from './resize.ts';
import { ScaleBounds } from './scale.ts';
import { MAX_REPLICAS, OfferedName, ScalableKind } from './workload.ts';
import { forInstallation } from '../release/placeholder.ts';

const closed = { additionalProperties: false } as const;

/** A container whose CPU or memory support may change, and between what. What is not named stays the chart's. */
export const ResizeOffer = Type.Object(
  {
    kind: Type.Unsafe<'Deployment' | 'StatefulSet' | 'DaemonSet'>({
      type: 'string',
      enum: ['Deployment', 'StatefulSet', 'DaemonSet'],
    }),
    name: OfferedName,
    container: Type.String({ minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' }),
    cpu: Type.Optional(Type.Object({ minimum: CpuAmount, maximum: CpuAmount }, closed)),
    memory: Type.Optional(Type.Object({ minimum: MemoryAmount, maximum: MemoryAmount }, closed)),
  },
  closed,
);
export type ResizeOffer = Static<typeof ResizeOffer>;

/** A workload that support may let an autoscaler scale, and between how many pods at most. */
export const AutoscaleOffer = Type.Object(
  {
    kind: ScalableKind,
    name: OfferedName,
    minimum: Type.Integer({ minimum: 1, maximum: MAX_REPLICAS }),
    maximum: Type.Integer({ minimum: 1, maximum: MAX_REPLICAS }),
  },
  closed,
);
export type AutoscaleOffer = Static<typeof AutoscaleOffer>;

/** What support may do to how a release runs, inside bounds that the vendor signs. What `scale` does not name has none. */
export const ReleaseRemedies = Type.Object({
  resize: Type.Optional(Type.Array(ResizeOffer, { maxItems: 50, description: 'Requests and limits of containers.' })),
  autoscale: Type.Optional(
    Type.Array(AutoscaleOffer, { maxItems: 50, description: 'Workloads that may be scaled by load.' }),
  ),
  scale: Type.Optional(
    Type.Array(ScaleBounds, { maxItems: 200, description: 'How many pods of a workload may be asked for.' }),
  ),
});
export type ReleaseRemedies = Static<typeof ReleaseRemedies>;

interface Signed {
  remedies?: ReleaseRemedies;
  permissions: readonly { apiGroup: string; kind: string; verbs: readonly string[] }[];
}

/**
 * What a release offers, with the installation's name in place of what stands for it. No autoscaler without the right to
 * make one: that is signed too, and shown to who grants it.
 */
export function offeredBy({ remedies, permissions }: Signed, releaseName: string): ReleaseRemedies {
  const named = <O extends { name: string }>(offer: O): O => ({
    ...offer,
    name: forInstallation(offer.name, releaseName),
  });
  const mayAutoscale = permissions.some(
    ({ apiGroup, kind, verbs }) =>
      apiGroup === 'autoscaling' &&
      kind === 'HorizontalPodAutoscaler' &&
      ['get', 'create', 'patch', 'delete'].every((verb) => verbs.includes(verb)),
  );
  return {
    ...(remedies?.resize && { resize: remedies.resize.map(named) }),
    ...(remedies?.autoscale && mayAutoscale && { autoscale: remedies.autoscale.map(named) }),
    ...(remedies?.scale && { scale: remedies.scale.map(named) }),
  };
}

export function containerOf({ kind, name, container }: Pick<ResizeOffer, 'kind' | 'name' | 'container'>): string {
  return `${kind}/${name}/${container}`;
}

/** Why a container may not be given this size, in words; undefined when the release offers it. */
export function problemOfSize(
  container: string,
  size: ContainerSize,
  { resize = [] }: ReleaseRemedies,
): string | undefined {
  const offer = resize.find((one) => containerOf(one) === container);
  if (!offer) {
    const known = resize.map(resizeOfferText).join('; ') || 'nothing';
    return `this release does not offer to resize ${container}; it offers: ${known}`;
  }
  for (const field of SIZE_FIELDS) {
    const wanted = size[field];
    if (wanted === undefined) continue;
    const bounds = offer[field.startsWith('cpu') ? 'cpu' : 'memory'];
    if (!isWithin(wanted, bounds))
      return `${sizeFieldText(field)} ${wanted} of ${container} is not offered: ${resizeOfferText(offer)}`;
  }
  return undefined;
}

function isWithin(wanted: string, bounds: ResizeOffer['cpu']): boolean {
  const [amount, least, most] = [wanted, bounds?.minimum, bounds?.maximum].map(amountOf);
  return amount !== undefined && least !== undefined && most !== undefined && amount >= least && amount <= most;
}

/** `Deployment/web/server: CPU 100m to 2, memory 64Mi to 1Gi` */
export function resizeOfferText(offer: ResizeOffer): string {
  const { cpu, memory } = offer;
  const parts = [
    ...(cpu ? [`CPU ${cpu.minimum} to ${cpu.maximum}`] : []),
    ...(memory ? [`memory ${memory.minimum} to ${memory.maximum}`] : []),
  ];
  return `${containerOf(offer)}: ${parts.join(', ')}`;
}

/** Why a workload may not be scaled so, in words; undefined when the release offers it. */
export function problemOfAutoscale(
  workload: string,
  { minimum, maximum }: Autoscale,
  { autoscale = [] }: ReleaseRemedies,
): string | undefined {
  if (minimum > maximum) return `the minimum of ${minimum} pods of ${workload} is above the maximum of ${maximum}`;
  const offer = autoscale.find(({ kind, name }) => `${kind}/${name}` === workload);
  if (offer && minimum >= offer.minimum && maximum <= offer.maximum) return undefined;
  const known = autoscale.map(autoscaleOfferText).join('; ') || 'nothing';
  return `this release does not offer to autoscale ${workload} from ${minimum} to ${maximum} pods; it offers: ${known}`;
}

/** `Deployment/web: 2 to 10 pods` */
export function autoscaleOfferText({ kind, name, minimum, maximum }: AutoscaleOffer): string {
  return `${kind}/${name}: ${minimum} to ${maximum} pods`;
}
