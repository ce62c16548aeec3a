import {
  amountOf,
  containerOf,
  containersOf,
  fieldAt,
  podSpecOf,
  type AutoscaleOffer,
  type Release,
  type RenderedObject,
  type ResizeOffer,
  type ScaleOffer,
} from '@steward/shared';
import type { Findings } from '../../findings/finding.ts';
import type { StewardYaml } from '../../steward-yaml/steward-yaml.ts';
import type { YamlSource } from '../../steward-yaml/yaml-source.ts';
import { INSTALLATION, withPlaceholder } from '../permissions.ts';

const code = 'remedy';

/** Each offer names what the chart makes by default, and bounds that leave room. */
export function checkRemedies(
  { remedies }: StewardYaml,
  source: YamlSource | undefined,
  objects: readonly RenderedObject[],
  how: { releaseName: string; findings: Findings },
): void {
  const { releaseName } = how;
  const containers = objects.flatMap((object) => containerNames(object, releaseName));
  const workloads = objects.map((object) => `${object.kind}/${withPlaceholder(object.metadata.name, releaseName)}`);
  const scaled = new Set(scaledBy(objects).map((name) => withPlaceholder(name, releaseName)));
  const { resize = [], autoscale = [], scale = [] } = remedies ?? {};
  const sized = resize.map((offer) => ({ name: containerOf(offer), problem: problemOfBounds(offer) }));
  tell({ list: 'resize', what: 'container', offers: sized, known: containers }, source, how);
  const counted = autoscale.map((offer) => ({
    name: `${offer.kind}/${offer.name}`,
    problem: scaled.has(`${offer.kind}/${offer.name}`) ? 'the chart has an autoscaler for it' : problemOfCounts(offer),
  }));
  const scalable = workloads.filter((name) => /^(Deployment|StatefulSet)\//.test(name));
  tell({ list: 'autoscale', what: 'workload', offers: counted, known: scalable }, source, how);
  const bounded = scale.map((offer) => ({ name: `${offer.kind}/${offer.name}`, problem: problemOfCounts(offer) }));
  tell({ list: 'scale', what: 'workload', offers: bounded, known: scalable }, source, how);
}

interface Offers {
  list: 'resize' | 'autoscale' | 'scale';
  what: string;
  offers: readonly { name: string; problem: string | undefined }[];
  known: readonly string[];
}

function tell(
  { list, what, offers, known }: Offers,
  source: YamlSource | undefined,
  how: { findings: Findings },
): void {
  const seen = new Set<string>();
  for (const [at, { name, problem }] of offers.entries()) {
    const place = source?.placeOf(['remedies', list, at]);
    if (seen.has(name)) how.findings.add('error', code, `${name} is offered twice`, { place });
    seen.add(name);
    if (problem !== undefined) how.findings.add('error', code, `${name}: ${problem}`, { place });
    if (known.includes(name)) continue;
    how.findings.add('error', code, `there is no ${what} ${name}`, {
      place,
      action: `There are: ${known.join(', ') || 'none'}. ${INSTALLATION} stands for the installation's name.`,
    });
  }
}

/** Workloads that an autoscaler of the chart scales. */
function scaledBy(objects: readonly RenderedObject[]): string[] {
  return objects
    .filter(({ kind }) => kind === 'HorizontalPodAutoscaler' || kind === 'ScaledObject')
    .flatMap((object) => {
      const [kind, name] = ['kind', 'name'].map((key) => fieldAt(object, ['spec', 'scaleTargetRef', key]));
      return typeof name === 'string' ? [`${typeof kind === 'string' ? kind : 'Deployment'}/${name}`] : [];
    });
}

/** The right to make autoscalers, which no object of the chart brings in. */
export function remedyPermissions({ remedies }: Pick<Release, 'remedies'>): Release['permissions'] {
  if (!remedies?.autoscale?.length) return [];
  return [
    {
      apiGroup: 'autoscaling',
      apiVersion: 'v2',
      kind: 'HorizontalPodAutoscaler',
      resource: 'horizontalpodautoscalers',
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
      reason: 'to scale the service by load, when support switches that on',
    },
  ];
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

function problemOfCounts({ minimum, maximum }: AutoscaleOffer | ScaleOffer): string | undefined {
  return minimum > maximum ? 'minimum is above maximum' : undefined;
}
