import {
  ReleaseDrift,
  ReleaseExceptions,
  ReleaseGenerated,
  ReleaseMetrics,
  ReleaseMetricsEndpoint,
  ReleaseRemedies,
  ReleaseUpgradeRules,
  ScaleOffer,
  Slug,
} from '@steward/shared';
import * as Type from 'typebox';
import type { Static } from 'typebox';

const Path = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$',
  description: "A dotted path in the chart's values: `jetstream.storage.size`.",
});

const closed = { additionalProperties: false } as const;

export const Display = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: "The service's name for people." })),
    summary: Type.Optional(Type.String({ maxLength: 500, description: 'One sentence: what it is for.' })),
    notes: Type.Optional(Type.String({ maxLength: 10_000, description: 'What changed in this version.' })),
  },
  { ...closed, description: 'How the service is shown.' },
);

export const Parameters = Type.Object(
  {
    basic: Type.Optional(
      Type.Array(Path, { maxItems: 5, uniqueItems: true, description: 'Shown first, at most five. They may be set.' }),
    ),
    allow: Type.Optional(
      Type.Array(Path, {
        maxItems: 100,
        uniqueItems: true,
        description: 'Further values that may be set from the hub.',
      }),
    ),
    onlyAtInstall: Type.Optional(
      Type.Array(Path, {
        maxItems: 100,
        uniqueItems: true,
        description: 'Of those that may be set, also by knobs: what no later change may make another.',
      }),
    ),
  },
  { ...closed, description: 'The values that the hub may set. What is not named here, only the chart decides.' },
);

export const Knob = Type.Object(
  {
    name: Slug,
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    path: Path,
    minimum: Type.Optional(Type.Number({ description: 'Lowest number it may be set to.' })),
    maximum: Type.Optional(Type.Number({ description: 'Highest number it may be set to.' })),
    options: Type.Optional(
      Type.Array(Type.Union([Type.String({ maxLength: 200 }), Type.Number()]), {
        minItems: 1,
        maxItems: 50,
        description: 'The only settings there are; instead of minimum and maximum.',
      }),
    ),
    unit: Type.Optional(Type.String({ maxLength: 40 })),
  },
  { ...closed, description: 'A setting that support may move, inside bounds that are signed with the release.' },
);
export type Knob = Static<typeof Knob>;

export const Probe = Type.Object(
  {
    name: Slug,
    title: Type.Optional(Type.String({ maxLength: 100 })),
    service: Type.String({
      minLength: 1,
      maxLength: 253,
      description: "Name of a Service of the chart; `${installation}` stands for the installation's name.",
    }),
    port: Type.Union([Type.Integer({ minimum: 1, maximum: 65_535 }), Type.String({ maxLength: 63 })], {
      description: "Number or name of one of the Service's ports.",
    }),
    path: Type.Optional(Type.String({ maxLength: 500, pattern: '^/' })),
  },
  { ...closed, description: 'An HTTP address that answers with 2xx while the service does its work.' },
);

export const Metrics = Type.Object(
  {
    intervalSeconds: Type.Optional(ReleaseMetrics.properties.intervalSeconds),
    resources: ReleaseMetrics.properties.resources,
    endpoints: Type.Optional(
      Type.Array(
        Type.Object(ReleaseMetricsEndpoint.properties, {
          ...closed,
          description: 'A Prometheus endpoint of the pods behind a Service.',
        }),
        { maxItems: 10 },
      ),
    ),
  },
  { ...closed, description: 'What the agent measures of the service and sends to the hub.' },
);

const Remedies = {
  ...ReleaseRemedies.properties,
  scale: Type.Optional(
    Type.Array(ScaleOffer, {
      maxItems: 20,
      description: 'Between how many pods of a workload support may ask for; knobs that set it count too.',
    }),
  ),
};

/** A service's description in the root of its chart. All of it is optional. */
export const StewardYaml = Type.Object(
  {
    display: Type.Optional(Display),
    parameters: Type.Optional(Parameters),
    knobs: Type.Optional(Type.Array(Knob, { maxItems: 50 })),
    probes: Type.Optional(Type.Array(Probe, { maxItems: 20 })),
    metrics: Type.Optional(Metrics),
    upgrade: Type.Optional(
      Type.Object(
        {
          from: ReleaseUpgradeRules.properties.from,
          deadlineSeconds: Type.Optional(ReleaseUpgradeRules.properties.deadlineSeconds),
          settleSeconds: Type.Optional(ReleaseUpgradeRules.properties.settleSeconds),
          rollback: ReleaseUpgradeRules.properties.rollback,
          replace: ReleaseUpgradeRules.properties.replace,
        },
        { ...closed, description: 'What an upgrade to this version needs.' },
      ),
    ),
    generateOnce: Type.Optional(
      Type.Array(
        Type.Object(ReleaseGenerated.properties, {
          ...closed,
          description:
            'Fields that the chart makes up at each render (passwords, certificates), and that stay as they were made first; without fields all content of the object.',
        }),
        { maxItems: 50 },
      ),
    ),
    drift: Type.Optional(
      Type.Object(ReleaseDrift.properties, {
        ...closed,
        description:
          "What becomes of fields that somebody else changed: put right or only told, and which ones are others' to set.",
      }),
    ),
    remedies: Type.Optional(
      Type.Object(Remedies, {
        ...closed,
        description: 'What support may change of how it runs, inside bounds that are signed with the release.',
      }),
    ),
    exceptions: Type.Optional(
      Type.Object(ReleaseExceptions.properties, {
        ...closed,
        description: 'Things that pods are refused unless they are declared here; the customer is shown them.',
      }),
    ),
    kubernetes: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'SemVer range of Kubernetes versions; else kubeVersion of Chart.yaml.',
      }),
    ),
  },
  closed,
);
export type StewardYaml = Static<typeof StewardYaml>;

/** The JSON Schema of `steward.yaml`, as editors and other tools read it. Written to deploy/steward.schema.json. */
export function stewardSchema(): Record<string, unknown> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'https://steward.dev/schemas/steward.schema.json',
    title: 'steward.yaml',
    description: 'What makes a Helm chart a managed service. See docs/package-a-service.md.',
    ...structuredClone(StewardYaml),
  };
}
