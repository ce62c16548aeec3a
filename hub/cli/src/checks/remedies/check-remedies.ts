import { amountOf, containerOf, containersOf, podSpecOf, type RenderedObject, type ResizeOffer } from '@steward/shared';
import type { Findings } from '../../findings/finding.ts';
import type { StewardYaml } from '../../steward-yaml/steward-yaml.ts';
import type { YamlSource } from '../../steward-yaml/yaml-source.ts';
import { INSTALLATION, withPlaceholder } from '../permissions.ts';

const code = 'remedy';

/** Each offer names a container that the chart makes by default, and bounds that leave room. */
export function checkRemedies(
  { remedies }: StewardYaml,
  source: YamlSource | undefined,
  objects: readonly RenderedObject[],
  { releaseName, findings }: { releaseName: string; findings: Findings },
): void {
  const known = objects.flatMap((object) => containerNames(object, releaseName));
  const seen = new Set<string>();
  for (const [at, offer] of (remedies?.resize ?? []).entries()) {
    const place = source?.placeOf(['remedies', 'resize', at]);
    const container = containerOf(offer);
    if (seen.has(container)) findings.add('error', code, `${container} is offered twice`, { place });
    seen.add(container);
    const problem = problemOfBounds(offer);
    if (problem !== undefined) findings.add('error', code, `${container}: ${problem}`, { place });
    if (known.includes(container)) continue;
    findings.add('error', code, `there is no container ${container}`, {
      place,
      action: `There are: ${known.join(', ') || 'none'}. ${INSTALLATION} stands for the installation's name.`,
    });
  }
}

function containerNames(object: RenderedObject, releaseName: string): string[] {
  const name = withPlaceholder(object.metadata.name, releaseName);
  return containersOf(podSpecOf(object) ?? {}).map((one) => `${object.kind}/${name}/${String(one['name'])}`);
}

function problemOfBounds({ cpu, memory }: ResizeOffer): string | undefined {
  if (!cpu && !memory) return 'neither cpu nor memory is offered';
  const isEmpty = [cpu, memory].some(
    (bounds) => bounds && (amountOf(bounds.minimum) ?? 0) > (amountOf(bounds.maximum) ?? 0),
  );
  return isEmpty ? 'minimum is above maximum' : undefined;
}
