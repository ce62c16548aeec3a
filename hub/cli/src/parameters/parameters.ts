import { isRecord } from '@steward/shared';
import type { Release } from '@steward/shared';
import type { Chart } from '../chart/chart.ts';
import type { Findings, Place } from '../findings/finding.ts';
import { STEWARD_YAML } from '../steward-yaml/read-steward-yaml.ts';
import type { Knob, StewardYaml } from '../steward-yaml/steward-yaml.ts';
import { YamlSource } from '../steward-yaml/yaml-source.ts';
import { valueAt, type Values } from '../values-path.ts';
import { closedSchemaAt } from './closed-schema.ts';

const SCHEMA_FILE = 'values.schema.json';

type ReleaseKnob = Release['knobs'][number];

/** What of a chart's values the hub may set: the part of a release that is signed. */
export interface ReleaseParameters {
  schema: Values;
  basic: string[];
  onlyAtInstall: string[];
  knobs: ReleaseKnob[];
}

interface Sources {
  chart: Chart;
  yaml: StewardYaml;
  steward: YamlSource | undefined;
  schema: YamlSource | undefined;
  findings: Findings;
}

/** Without a steward.yaml nothing may be set. */
export const NO_PARAMETERS: ReleaseParameters = {
  schema: { type: 'object', additionalProperties: false },
  basic: [],
  onlyAtInstall: [],
  knobs: [],
};

function inferred(value: unknown): Values | undefined {
  if (typeof value === 'string') return { type: 'string', maxLength: 1000 };
  if (typeof value === 'boolean') return { type: 'boolean' };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'integer' : 'number' };
  return undefined;
}

function leafSchema(path: string, place: Place | undefined, sources: Sources): Values | undefined {
  const { chart, findings, schema } = sources;
  if (isRecord(schema?.value)) {
    const closed = closedSchemaAt(schema.value, path);
    if (closed.ok) return closed.schema;
    if (!closed.problem.message.startsWith('does not describe')) {
      findings.add('error', 'parameter-schema', `${path} ${closed.problem.message}`, {
        place: schema.placeOf(closed.problem.path),
        action: 'A value that the hub may set needs a schema that says exactly what it may be.',
      });
      return undefined;
    }
  }
  const value = valueAt(chart.values, path);
  const guess = inferred(value);
  if (guess) {
    findings.add(
      'warning',
      'parameter-inferred',
      `${path} has no schema; taken as ${String(guess['type'])} from values.yaml`,
      {
        place,
        action: `Describe it in ${SCHEMA_FILE}.`,
      },
    );
    return guess;
  }
  const why =
    value === undefined ? `neither ${SCHEMA_FILE} nor values.yaml has it` : `${SCHEMA_FILE} does not describe it`;
  findings.add('error', 'parameter-unknown', `${path} cannot be set: ${why}`, {
    place,
    action: `Correct the path, or describe it in ${SCHEMA_FILE}.`,
  });
  return undefined;
}

function tighter(own: unknown, bound: number | undefined, pick: (a: number, b: number) => number): number | undefined {
  if (bound === undefined) return typeof own === 'number' ? own : undefined;
  return typeof own === 'number' ? pick(own, bound) : bound;
}

/** The knob's bounds laid into the schema of the value it sets; the narrower bound counts. */
function narrowed(schema: Values, knob: Knob): Values {
  const isText = schema['type'] === 'string';
  if (knob.options) {
    const options = knob.options.map((option) => (isText ? String(option) : asNumber(option)));
    const own = schema['enum'];
    return { ...schema, enum: Array.isArray(own) ? options.filter((option) => own.includes(option)) : options };
  }
  const minimum = tighter(schema['minimum'], knob.minimum, Math.max);
  const maximum = tighter(schema['maximum'], knob.maximum, Math.min);
  return { ...schema, ...(minimum === undefined ? {} : { minimum }), ...(maximum === undefined ? {} : { maximum }) };
}

function asNumber(option: string | number): string | number {
  return typeof option === 'string' && option.trim() !== '' && Number.isFinite(Number(option))
    ? Number(option)
    : option;
}

function releaseKnob(knob: Knob): ReleaseKnob {
  const { name, path, minimum, maximum, options, unit } = knob;
  return {
    name,
    path,
    title: knob.title ?? knob.name,
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(options === undefined ? {} : { options: options.map(String) }),
    ...(unit === undefined ? {} : { unit }),
  };
}

function insert(target: Values, path: string, leaf: Values): Values {
  const [key = '', ...rest] = path.split('.');
  const properties = isRecord(target['properties']) ? target['properties'] : {};
  const inner = properties[key];
  const child = rest.length === 0 ? leaf : insert(isRecord(inner) ? inner : {}, rest.join('.'), leaf);
  return { type: 'object', additionalProperties: false, properties: { ...properties, [key]: child } };
}

function checkKnobAgainstSchema(knob: Knob, schema: Values, place: Place | undefined, sources: Sources): void {
  const { findings, chart } = sources;
  const options = schema['enum'];
  if (Array.isArray(options) && options.length === 0)
    findings.add('error', 'knob', `knob "${knob.name}": the values schema allows none of its options`, { place });
  const isNumber = schema['type'] === 'integer' || schema['type'] === 'number';
  if (knob.options === undefined && !isNumber)
    findings.add('error', 'knob', `knob "${knob.name}" has a minimum, but ${knob.path} is no number`, {
      place,
      action: 'Give it options instead.',
    });
  const value = valueAt(chart.values, knob.path);
  const isInside =
    value === undefined ||
    (Array.isArray(options)
      ? options.includes(value)
      : Number(value) >= Number(schema['minimum'] ?? value) && Number(value) <= Number(schema['maximum'] ?? value));
  if (!isInside)
    findings.add(
      'warning',
      'knob-default',
      `knob "${knob.name}": the chart's own ${knob.path} lies outside its bounds`,
      { place },
    );
}

/** Paths that may be set, with the place that names each; a path inside another one is an error. */
function allowedPaths(sources: Sources): Map<string, Place | undefined> {
  const { yaml, steward, findings } = sources;
  const paths = new Map<string, Place | undefined>();
  const named: [string, readonly (string | number)[]][] = [
    ...(yaml.parameters?.basic ?? []).map((path, at): [string, (string | number)[]] => [
      path,
      ['parameters', 'basic', at],
    ]),
    ...(yaml.parameters?.allow ?? []).map((path, at): [string, (string | number)[]] => [
      path,
      ['parameters', 'allow', at],
    ]),
    ...(yaml.knobs ?? []).map((knob, at): [string, (string | number)[]] => [knob.path, ['knobs', at, 'path']]),
  ];
  for (const [path, at] of named) if (!paths.has(path)) paths.set(path, steward?.placeOf(at));
  for (const [path, place] of paths)
    for (const outer of paths.keys())
      if (path.startsWith(`${outer}.`))
        findings.add('error', 'parameter-overlap', `${path} is part of ${outer}, which may be set as a whole`, {
          place,
          action: 'Name one of them.',
        });
  return paths;
}

/** Each names what may be set at all. */
function checkOnlyAtInstall(
  listed: readonly string[],
  allowed: ReadonlyMap<string, unknown>,
  { steward, findings }: Sources,
): void {
  for (const [at, path] of listed.entries())
    if (!allowed.has(path))
      findings.add('error', 'parameter-unknown', `${path} cannot be set at installation: nothing lets the hub set it`, {
        place: steward?.placeOf(['parameters', 'onlyAtInstall', at]),
        action: 'Name it under basic or allow too, or give it a knob.',
      });
}

/** Chooses, by steward.yaml, what of the values schema is opened to the hub, and closes the rest. */
export function releaseParameters(
  chart: Chart,
  yaml: StewardYaml,
  steward: YamlSource | undefined,
  findings: Findings,
): ReleaseParameters {
  const text = chart.files.get(SCHEMA_FILE)?.toString('utf8');
  const schemaSource = text === undefined ? undefined : YamlSource.parse(SCHEMA_FILE, text, findings);
  const sources: Sources = { chart, yaml, steward, schema: schemaSource, findings };
  const knobs = yaml.knobs ?? [];
  let schema: Values = NO_PARAMETERS.schema;
  const paths = allowedPaths(sources);
  const onlyAtInstall = [...(yaml.parameters?.onlyAtInstall ?? [])];
  checkOnlyAtInstall(onlyAtInstall, paths, sources);
  for (const [path, place] of paths) {
    let leaf = leafSchema(path, place, sources);
    if (!leaf) continue;
    for (const knob of knobs.filter((candidate) => candidate.path === path)) {
      leaf = narrowed(leaf, knob);
      checkKnobAgainstSchema(knob, leaf, place, sources);
    }
    const value = valueAt(chart.values, path);
    schema = insert(
      schema,
      path,
      value === undefined || value === null || 'default' in leaf ? leaf : { ...leaf, default: value },
    );
  }
  if (!steward)
    findings.add('note', 'no-steward-yaml', `the chart has no ${STEWARD_YAML}: nothing of it can be set from the hub`, {
      action: 'That is fine for a start; see docs/package-a-service.md.',
    });
  const basic = [...(yaml.parameters?.basic ?? [])];
  return { schema, basic, onlyAtInstall, knobs: knobs.map((knob) => releaseKnob(knob)) };
}
