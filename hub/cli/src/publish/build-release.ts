import { PRODUCT_VERSION, type Release, type ReleaseImage } from '@steward/shared';
import type { Chart } from '../chart/chart.ts';
import type { Inspection } from '../checks/inspect-chart.ts';

/** What of a release is not in the chart. */
export interface ReleaseFacts {
  service: string;
  images: ReleaseImage[];
  /** Where clusters get the chart from, when not from the hub. */
  chartPlace?: string | undefined;
  counter: number;
  createdAt: Date;
  expiresAt?: Date | undefined;
}

function displayOf(chart: Chart, { yaml }: Inspection): Release['display'] {
  const { name, summary, notes } = yaml.display ?? {};
  const shownSummary = summary ?? chart.meta.description?.slice(0, 500);
  return {
    name: name ?? chart.meta.name,
    ...(shownSummary === undefined ? {} : { summary: shownSummary }),
    ...(notes === undefined ? {} : { notes }),
  };
}

type Declared = Pick<
  Release,
  'permissions' | 'exceptions' | 'definitions' | 'metrics' | 'generateOnce' | 'drift' | 'remedies'
>;

/** What a release lets the agent do, and how it is to treat what the chart renders to. */
export function declaredContent({ yaml, permissions, definitions, scale }: Inspection): Declared {
  const remedies = { ...yaml.remedies, ...(scale.length > 0 && { scale }) };
  return {
    permissions,
    exceptions: yaml.exceptions ?? {},
    ...(definitions.length === 0 ? {} : { definitions }),
    ...(yaml.metrics === undefined ? {} : { metrics: { intervalSeconds: 60, endpoints: [], ...yaml.metrics } }),
    ...(yaml.generateOnce === undefined ? {} : { generateOnce: yaml.generateOnce }),
    ...(yaml.drift === undefined ? {} : { drift: yaml.drift }),
    ...(Object.keys(remedies).length === 0 ? {} : { remedies }),
  };
}

/** Everything the vendor signs about a chart. Field order is the order in which people read it. */
export function buildRelease(chart: Chart, inspection: Inspection, facts: ReleaseFacts): Release {
  const { yaml, parameters } = inspection;
  return {
    kind: 'steward.dev/release/v1',
    service: facts.service,
    version: chart.meta.version,
    counter: facts.counter,
    createdAt: facts.createdAt.toISOString(),
    ...(facts.expiresAt === undefined ? {} : { expiresAt: facts.expiresAt.toISOString() }),
    chart: {
      name: chart.meta.name,
      version: chart.meta.version,
      digest: chart.digest,
      bytes: chart.packed.length,
      ...(facts.chartPlace === undefined ? {} : { oci: facts.chartPlace }),
    },
    images: facts.images,
    parameters: parameters.schema,
    basicParameters: parameters.basic,
    ...(parameters.onlyAtInstall.length === 0 ? {} : { onlyAtInstall: parameters.onlyAtInstall }),
    ...declaredContent(inspection),
    knobs: parameters.knobs,
    ...(yaml.probes === undefined ? {} : { probes: yaml.probes }),
    ...(inspection.hooks.length === 0 ? {} : { hooks: inspection.hooks }),
    upgrade: { deadlineSeconds: 600, settleSeconds: 5, ...yaml.upgrade },
    display: displayOf(chart, inspection),
    minimumAgentVersion: PRODUCT_VERSION,
    kubernetes: yaml.kubernetes ?? chart.meta.kubeVersion ?? '>=1.27.0-0',
  };
}

/** A release without what differs each time it is made: equal for the same chart, images and rules. */
export function lastingContent(release: Release): Partial<Release> {
  const { counter: _counter, createdAt: _createdAt, expiresAt: _expiresAt, ...content } = release;
  return content;
}
