import * as Type from 'typebox';
import type { Static } from 'typebox';
import { MAX_REPLICAS, OfferedName, ScalableKind } from './workload.ts';

const closed = { additionalProperties: false } as const;
const Pods = Type.Integer({ minimum: 0, maximum: MAX_REPLICAS });

/** A workload, and between how many pods support may ask for. */
export const ScaleOffer = Type.Object({ kind: ScalableKind, name: OfferedName, minimum: Pods, maximum: Pods }, closed);
export type ScaleOffer = Static<typeof ScaleOffer>;

/** As it is signed: also what `publish` finds out of the knobs that set how many pods of a workload run. */
export const ScaleBounds = Type.Object({
  ...ScaleOffer.properties,
  options: Type.Optional(Type.Array(Pods, { minItems: 1, maxItems: 50, description: 'The only counts there are.' })),
  knob: Type.Optional(Type.String({ maxLength: 40, description: 'The name of the knob that sets it.' })),
  onlyAtInstall: Type.Optional(Type.Boolean({ description: 'It stays as it was installed.' })),
});
export type ScaleBounds = Static<typeof ScaleBounds>;

/** Why a workload may not run so many pods, in words; undefined when nothing is said of it, or all that is said allows it. */
export function problemOfScale(
  workload: string,
  count: number,
  { scale = [] }: { scale?: readonly ScaleBounds[] },
): string | undefined {
  const passed = scale.find((bounds) => `${bounds.kind}/${bounds.name}` === workload && !isWithin(bounds, count));
  if (!passed) return undefined;
  const { knob, onlyAtInstall = false } = passed;
  if (onlyAtInstall) return `how many pods of ${workload} run is only set at installation (knob ${knob ?? '?'})`;
  const instead = knob === undefined ? '' : `; the knob "${knob}" sets it, with all that belongs to it: steward set`;
  return `this release allows ${countsText(passed)} of ${workload}, not ${podsText(count)}${instead}`;
}

function isWithin({ minimum, maximum, options, onlyAtInstall = false }: ScaleBounds, count: number): boolean {
  if (onlyAtInstall) return false;
  return options ? options.includes(count) : count >= minimum && count <= maximum;
}

function countsText({ minimum, maximum, options, onlyAtInstall = false }: ScaleBounds): string {
  if (onlyAtInstall) return 'as many pods as it was installed with';
  return options ? `${options.join(' or ')} pods` : `${minimum} to ${maximum} pods`;
}

/** `StatefulSet/nats: 1 or 3 pods (knob redundancy)` */
export function scaleBoundsText(bounds: ScaleBounds): string {
  const { kind, name, knob } = bounds;
  return `${kind}/${name}: ${countsText(bounds)}${knob === undefined ? '' : ` (knob ${knob})`}`;
}

export function podsText(count: number): string {
  return count === 1 ? '1 pod' : `${count} pods`;
}
