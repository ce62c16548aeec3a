import { fieldAt, type RenderedObject, type ScaleBounds } from '@steward/shared';
import type { Variant } from '../../parameters/variants.ts';
import type { Knob, StewardYaml } from '../../steward-yaml/steward-yaml.ts';
import { withPlaceholder } from '../permissions.ts';

/** The objects of a chart with one setting. */
export interface VariantRender {
  variant: Variant;
  releaseName: string;
  objects: readonly RenderedObject[];
}

/**
 * What a release says of how many pods may be asked for: the chart's own words, and of each knob the workloads whose count it
 * sets. Those are found by what the chart renders to at the knob's bounds, or with each of its options.
 */
export function scaleBoundsOf(
  { remedies, knobs = [], parameters }: StewardYaml,
  renders: readonly VariantRender[],
): ScaleBounds[] {
  const isFixed = ({ path }: Knob): boolean => parameters?.onlyAtInstall?.includes(path) === true;
  const found = knobs.flatMap((knob) =>
    boundsOfKnob(knob, renders).map((bounds) => ({ ...bounds, ...(isFixed(knob) && { onlyAtInstall: true }) })),
  );
  return [...(remedies?.scale ?? []), ...found];
}

function boundsOfKnob(knob: Knob, renders: readonly VariantRender[]): ScaleBounds[] {
  const turned = renders.filter(({ variant }) => variant.path === knob.path);
  const own = renders.filter(({ variant }) => variant.path === undefined).slice(0, 1);
  const found = new Map<string, Pick<ScaleBounds, 'kind' | 'name'> & { counts: Set<number> }>();
  for (const { objects, releaseName } of [...own, ...turned])
    for (const object of objects) {
      const { apiVersion, kind, metadata } = object;
      if (!apiVersion.startsWith('apps/') || (kind !== 'Deployment' && kind !== 'StatefulSet')) continue;
      const name = withPlaceholder(metadata.name, releaseName);
      const known = found.get(`${kind}/${name}`) ?? { kind, name, counts: new Set<number>() };
      found.set(`${kind}/${name}`, known);
      known.counts.add(countOf(object));
    }
  return [...found.values()]
    .filter(({ counts }) => counts.size > 1)
    .map(({ kind, name, counts }) => {
      const sorted = [...counts].toSorted((a, b) => a - b);
      return {
        kind,
        name,
        minimum: sorted[0] ?? 0,
        maximum: sorted.at(-1) ?? 0,
        ...(knob.options && { options: sorted }),
        knob: knob.name,
      };
    });
}

/** As Kubernetes takes it where the chart does not say. */
function countOf(object: RenderedObject): number {
  const replicas = fieldAt(object, ['spec', 'replicas']);
  return typeof replicas === 'number' ? replicas : 1;
}
