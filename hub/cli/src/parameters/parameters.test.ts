import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Chart } from '../chart/chart.ts';
import { Findings } from '../findings/finding.ts';
import { readStewardYaml } from '../steward-yaml/read-steward-yaml.ts';
import { releaseParameters, type ReleaseParameters } from './parameters.ts';
import { variantsOf } from './variants.ts';

const values = 'replicas: 3\nstorage:\n  size: 10Gi\nmetrics: false\nextra: {}\n';
const schema = {
  properties: {
    replicas: { type: 'integer', minimum: 1 },
    storage: { type: 'object', properties: { size: { type: 'string' } } },
  },
};

function open(stewardYaml: string, valuesSchema: unknown = schema): { findings: Findings; result: ReleaseParameters } {
  const findings = new Findings();
  const read = readStewardYaml(stewardYaml, findings);
  if (!read) throw new Error(findings.items[0]?.message);
  const chart: Chart = {
    meta: { apiVersion: 'v2', name: 'web', version: '1.0.0' },
    files: new Map([['values.schema.json', Buffer.from(JSON.stringify(valuesSchema))]]),
    values: parse(values) as Record<string, unknown>,
    packed: Buffer.alloc(0),
    digest: '',
  };
  return { result: releaseParameters(chart, read.yaml, read.source, findings), findings };
}

describe('the parameters of a release', () => {
  it('are only what steward.yaml names, with the bounds of the knob and the default of the chart', () => {
    const { result, findings } = open(`
parameters: { basic: [replicas], allow: [storage.size] }
knobs: [{ name: redundancy, path: replicas, minimum: 0, maximum: 5 }]
`);
    expect(findings.items).toEqual([]);
    expect(result).toEqual({
      basic: ['replicas'],
      onlyAtInstall: [],
      knobs: [{ name: 'redundancy', title: 'redundancy', path: 'replicas', minimum: 0, maximum: 5 }],
      schema: {
        type: 'object',
        additionalProperties: false,
        properties: {
          replicas: { type: 'integer', minimum: 1, maximum: 5, default: 3 },
          storage: {
            type: 'object',
            additionalProperties: false,
            properties: { size: { type: 'string', default: '10Gi' } },
          },
        },
      },
    });
  });

  it('are none without a word about them', () => {
    expect(open('display: { name: Web }').result.schema).toEqual({ type: 'object', additionalProperties: false });
  });

  it('take options as numbers where the value is one', () => {
    const { result } = open('knobs: [{ name: redundancy, path: replicas, options: ["1", "3"] }]');
    expect(result.schema['properties']).toMatchObject({ replicas: { enum: [1, 3] } });
    expect(result.knobs[0]?.options).toEqual(['1', '3']);
  });

  it('are guessed from values.yaml, with a warning, when the schema is silent', () => {
    const { result, findings } = open('parameters: { allow: [metrics] }');
    expect(result.schema['properties']).toEqual({ metrics: { type: 'boolean', default: false } });
    expect(findings.items).toMatchObject([{ severity: 'warning', code: 'parameter-inferred', place: { line: 1 } }]);
  });

  it.each([
    ['parameters: { allow: [nothing] }', 'parameter-unknown'],
    ['parameters: { allow: [extra] }', 'parameter-unknown'],
    ['parameters: { allow: [storage, storage.size] }', 'parameter-overlap'],
    ['knobs: [{ name: size, path: storage.size, minimum: 1, maximum: 2 }]', 'knob'],
  ])('are refused: %s', (yaml, code) => {
    const { findings } = open(yaml);
    expect(findings.items.filter((item) => item.severity === 'error')).toMatchObject([{ code }]);
  });

  it("warn when the chart's own value lies outside a knob's bounds", () => {
    const { findings } = open('knobs: [{ name: redundancy, path: replicas, minimum: 4, maximum: 5 }]');
    expect(findings.items).toMatchObject([{ severity: 'warning', code: 'knob-default' }]);
  });

  it('are shown at the place in the schema when they are open there', () => {
    const { findings } = open('parameters: { allow: [storage] }', {
      properties: { storage: { type: 'object' } },
    });
    expect(findings.items).toMatchObject([
      { code: 'parameter-schema', place: { file: 'values.schema.json', line: 1, column: 26 } },
    ]);
  });
});

describe('variants', () => {
  it('are the defaults, each bound, each option and each switch', () => {
    const open_ = {
      properties: {
        replicas: { enum: [1, 3, 5] },
        memory: { type: 'integer', minimum: 1, maximum: 9 },
        metrics: { type: 'boolean' },
        name: { type: 'string' },
        deep: { properties: { on: { type: 'boolean' } } },
      },
    };
    const defaults = { replicas: 3, memory: 9, metrics: false, deep: { on: true } };
    expect(variantsOf(open_, defaults, 50)).toMatchObject({
      leftOut: 0,
      variants: [
        { title: 'defaults', values: {} },
        { title: 'replicas=1', values: { replicas: 1 } },
        { title: 'replicas=5', values: { replicas: 5 } },
        { title: 'memory=1', values: { memory: 1 } },
        { title: 'metrics=true', values: { metrics: true } },
        { title: 'deep.on=false', values: { deep: { on: false } } },
      ],
    });
  });

  it('are bounded, and say how many were left out', () => {
    const schema_ = { properties: { size: { enum: Array.from({ length: 100 }, (_, at) => at) } } };
    const { variants, leftOut } = variantsOf(schema_, {}, 10);
    expect(variants).toHaveLength(10);
    expect(leftOut).toBe(91);
  });
});
