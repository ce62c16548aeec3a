import {
  chartHookOf,
  comesToAnEnd,
  generatedName,
  keptFieldsOf,
  parseFieldPath,
  podSpecOf,
  withKeptFields,
  type Lookup,
  type ReleaseGenerated,
  type SourcedObject,
} from '@steward/shared';
import type { Findings } from '../findings/finding.ts';
import { objectName, unstableObjects, type Unstable } from '../render/rendered-set.ts';
import type { StewardYaml } from '../steward-yaml/steward-yaml.ts';
import type { YamlSource } from '../steward-yaml/yaml-source.ts';
import { withPlaceholder } from './permissions.ts';

/** Two renders of a chart with the same values. */
export interface RenderedTwice {
  releaseName: string;
  objects: SourcedObject[];
  again: SourcedObject[];
  /** What their templates looked up. */
  lookups?: readonly Lookup[];
}

/** Something that is made anew at each render, in words. */
export interface StabilityProblem {
  code: 'unstable';
  /** The same in another variant. */
  key: string;
  message: string;
  action: string;
  template: string;
}

/** What still differs between the two when the second keeps what the release makes once, exactly as the agent will keep it. */
export function stabilityProblems(
  { releaseName, objects, again, lookups = [] }: RenderedTwice,
  generateOnce: readonly ReleaseGenerated[],
): StabilityProblem[] {
  const kept = generateOnce.flatMap((entry) => {
    const name = generatedName(entry, releaseName);
    return objects
      .filter(({ object }) => object.kind === entry.kind && object.metadata.name === name)
      .flatMap(({ object }) => keptFieldsOf(entry, object));
  });
  const second = withKeptFields(
    again.map(({ object }) => object),
    kept,
  ).map((object) => ({ object, template: '' }));
  return unstableObjects(objects.filter(lastsOverUpgrades), second)
    .filter((unstable) => lookups.length === 0 || !isMadeOnce(unstable))
    .map((unstable) => problemOf(unstable, releaseName));
}

/** Only rendered as long as a lookup does not find it, and kept when it is rendered no more. */
function isMadeOnce({ object, fields }: Unstable): boolean {
  return fields.length === 0 && object.metadata.annotations?.['helm.sh/resource-policy'] === 'keep';
}

/** What is made by a hook at an install only, or does its work once, is never compared with what an earlier render made. */
function lastsOverUpgrades({ object }: SourcedObject): boolean {
  const hook = chartHookOf(object);
  if (hook === undefined || typeof hook === 'string') return true;
  return !comesToAnEnd(object) && hook.events.some((event) => event.endsWith('-upgrade'));
}

function problemOf({ object, template, fields }: Unstable, releaseName: string): StabilityProblem {
  const name = withPlaceholder(objectName(object), releaseName);
  const what = fields.length === 0 ? 'its name' : fields.join(', ');
  const restarts = podSpecOf(object) && fields.length > 0 ? ' (so every upgrade would replace its pods)' : '';
  const entry = { kind: object.kind, name: withPlaceholder(object.metadata.name, releaseName) };
  const line = `- { kind: ${entry.kind}, name: ${JSON.stringify(entry.name)}, fields: ${JSON.stringify(fields)} }`;
  return {
    code: 'unstable',
    key: `${template} ${name} ${what}`,
    message: `differs from render to render: ${name}: ${what}${restarts}`,
    action:
      fields.length === 0
        ? 'Name it by the version or by what is in it: no upgrade would find it again, and each would make another one.'
        : `An upgrade would make it anew. To keep what was made first, add to generateOnce in steward.yaml: ${line}`,
    template,
  };
}

/** Whether each entry of `generateOnce` can be read and does something. */
export function checkGenerateOnce(
  { generateOnce = [] }: StewardYaml,
  source: YamlSource | undefined,
  renders: readonly RenderedTwice[],
  findings: Findings,
): void {
  for (const [at, entry] of generateOnce.entries()) {
    const found = renders.flatMap(({ releaseName, objects, again }) => {
      const name = generatedName(entry, releaseName);
      const isMeant = ({ object }: SourcedObject): boolean =>
        object.kind === entry.kind && object.metadata.name === name;
      return objects.some(isMeant) ? [unstableObjects(objects.filter(isMeant), again)] : [];
    });
    const place = source?.placeOf(['generateOnce', at]);
    if (found.length === 0)
      findings.add('warning', 'generate-once', `generateOnce names ${entry.kind}/${entry.name}, which no render has`, {
        place,
        action: "Write its name as the templates do, with ${installation} for the release's name.",
      });
    else checkFields(entry, found.flat(), (at2) => source?.placeOf(['generateOnce', at, 'fields', at2]), findings);
  }
}

function checkFields(
  { kind, name, fields = [] }: ReleaseGenerated,
  unstable: readonly Unstable[],
  placeOf: (index: number) => ReturnType<YamlSource['placeOf']> | undefined,
  findings: Findings,
): void {
  const differing = unstable.flatMap((object) => object.fields.map((field) => parseFieldPath(field) ?? []));
  for (const [index, field] of fields.entries()) {
    const [first, ...rest] = parseFieldPath(field) ?? [];
    const path = kind === 'Secret' && first === 'stringData' ? ['data', ...rest] : [first, ...rest];
    if (differing.some((other) => path.every((key, depth) => key === other[depth]))) continue;
    findings.add('warning', 'generate-once', `${kind}/${name}: ${field} is the same at each render`, {
      place: placeOf(index),
      action: 'Take it out of generateOnce: it would stay as it was installed first, whatever later versions say.',
    });
  }
}
