import { parseFieldPath } from '@steward/shared';
import { Ajv, type ErrorObject } from 'ajv';
import semver from 'semver';
import type { Findings } from '../findings/finding.ts';
import { StewardYaml } from './steward-yaml.ts';
import { YamlSource, type DocumentPath } from './yaml-source.ts';

export const STEWARD_YAML = 'steward.yaml';

function pathOf(instancePath: string, source: YamlSource): DocumentPath {
  let at: unknown = source.value;
  return instancePath
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const step = Array.isArray(at) ? Number(key) : key;
      at = typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[step] : undefined;
      return step;
    });
}

function report(error: ErrorObject, source: YamlSource, findings: Findings): void {
  const path = pathOf(error.instancePath, source);
  const where = path.length === 0 ? 'the file' : path.join('.');
  const extra: unknown = error.params['additionalProperty'];
  if (error.keyword === 'additionalProperties' && typeof extra === 'string') {
    const place = source.placeOfKey(path, extra);
    const known = Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {}).join(', ');
    findings.add('error', 'unknown-field', `"${extra}" is not a field of ${where}`, {
      place,
      action: `There are: ${known}.`,
    });
    return;
  }
  findings.add('error', 'schema', `${where} ${error.message ?? 'is invalid'}`, { place: source.placeOf(path) });
}

function checkRanges(yaml: StewardYaml, source: YamlSource, findings: Findings): void {
  const ranges: [DocumentPath, string | undefined][] = [
    [['upgrade', 'from'], yaml.upgrade?.from],
    [['kubernetes'], yaml.kubernetes],
  ];
  for (const [path, range] of ranges)
    if (range !== undefined && semver.validRange(range) === null)
      findings.add('error', 'range', `${path.join('.')}: "${range}" is not a range of versions`, {
        place: source.placeOf(path),
        action: 'Write it as ">=2.14.0 <3.0.0".',
      });
}

function checkKnobs(yaml: StewardYaml, source: YamlSource, findings: Findings): void {
  const names = new Set<string>();
  for (const [at, knob] of (yaml.knobs ?? []).entries()) {
    const place = source.placeOf(['knobs', at]);
    if (names.has(knob.name)) findings.add('error', 'knob', `there are two knobs "${knob.name}"`, { place });
    names.add(knob.name);
    const hasRange = knob.minimum !== undefined && knob.maximum !== undefined;
    if (knob.options === undefined && !hasRange)
      findings.add('error', 'knob', `knob "${knob.name}" has no bounds`, {
        place,
        action: 'Give it minimum and maximum, or options.',
      });
    if (knob.minimum !== undefined && knob.maximum !== undefined && knob.minimum > knob.maximum)
      findings.add('error', 'knob', `knob "${knob.name}": minimum is above maximum`, { place });
  }
}

/** The paths of fields in an entry of a list of objects with fields. */
function checkPaths(
  list: { at: DocumentPath; code: string; entries: readonly { fields?: string[] }[] },
  source: YamlSource,
  findings: Findings,
): void {
  for (const [at, { fields = [] }] of list.entries.entries())
    for (const [index, field] of fields.entries())
      if (!parseFieldPath(field))
        findings.add('error', list.code, `${list.at.join('.')}: "${field}" is not the path of a field`, {
          place: source.placeOf([...list.at, at, 'fields', index]),
          action: 'Write it as data.password, data["tls.crt"] or spec.containers[web].image.',
        });
}

/**
 * Reads a `steward.yaml` and tells what is wrong with it, each with its line.
 * @returns undefined when it cannot be used at all
 */
export function readStewardYaml(
  text: string,
  findings: Findings,
): { yaml: StewardYaml; source: YamlSource } | undefined {
  const source = YamlSource.parse(STEWARD_YAML, text, findings);
  if (!source) return undefined;
  const validate = new Ajv({ allErrors: true, strict: false, verbose: true }).compile<StewardYaml>(StewardYaml);
  // An empty file is a chart that only says "I am a service".
  const value: unknown = source.value ?? {};
  if (!validate(value)) {
    for (const error of validate.errors ?? []) report(error, source, findings);
    return undefined;
  }
  checkRanges(value, source, findings);
  checkKnobs(value, source, findings);
  const [generated = [], ignored = []] = [value.generateOnce, value.drift?.ignore];
  checkPaths({ at: ['generateOnce'], code: 'generate-once', entries: generated }, source, findings);
  checkPaths({ at: ['drift', 'ignore'], code: 'drift', entries: ignored }, source, findings);
  return { yaml: value, source };
}
