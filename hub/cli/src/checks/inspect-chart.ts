import {
  chartHookOf,
  imagesOf,
  LIMITS,
  type KindDefinition,
  type Lookup,
  type Release,
  type ReleaseHook,
  type ScaleBounds,
  type SourcedObject,
} from '@steward/shared';
import type { Chart } from '../chart/chart.ts';
import type { Findings, Place } from '../findings/finding.ts';
import { NO_PARAMETERS, releaseParameters, type ReleaseParameters } from '../parameters/parameters.ts';
import { DEFAULTS, variantsOf, type Variant } from '../parameters/variants.ts';
import type { Renderer } from '../render/helm.ts';
import { objectName, readRendered, type RenderedSet } from '../render/rendered-set.ts';
import { readStewardYaml, STEWARD_YAML } from '../steward-yaml/read-steward-yaml.ts';
import type { StewardYaml } from '../steward-yaml/steward-yaml.ts';
import type { YamlSource } from '../steward-yaml/yaml-source.ts';
import { checkMetrics, checkProbes, checkUsers } from './check-files.ts';
import { readDefinitions } from './definitions.ts';
import { checkObject, type ObjectProblem } from './check-object.ts';
import { checkHooksOf, hooksIn } from './hooks.ts';
import { checkLookup, foundAmong, lookupPermissions, lookupWords } from './lookups.ts';
import { checkGenerateOnce, stabilityProblems } from './stability.ts';
import { permissionsOf, RESOURCE_METRICS, withPlaceholder, type NamedRender } from './permissions.ts';
import { checkRemedies, remedyPermissions } from './remedies/check-remedies.ts';
import { scaleBoundsOf, type VariantRender } from './remedies/scale-bounds.ts';

/** Everything a release says of a chart, as far as the chart itself tells it. */
export interface Inspection {
  yaml: StewardYaml;
  parameters: ReleaseParameters;
  permissions: Release['permissions'];
  hooks: ReleaseHook[];
  /** Kinds of its own, for the customer to apply. */
  definitions: KindDefinition[];
  /** References as the chart writes them, of all variants. */
  images: string[];
  /** How many pods may be asked for, by knobs and the chart's own words. */
  scale: ScaleBounds[];
}

export interface InspectOptions {
  findings: Findings;
  progress: (line: string) => void;
  /** A chart that makes something anew at each render is only warned of. */
  allowDiffering?: boolean;
}

/** Stands for an installation's name; short, and not part of any real name. */
const PLACEHOLDER = 'qx7inst';
const NAMESPACE = 'qx7space';
const maxVariants = 40;
const maxAtOnce = 2;

interface Run {
  variant: Variant;
  releaseName: string;
  isUpgrade?: boolean;
}

interface RunResult extends Run {
  objects: SourcedObject[];
  /** Of the second render. */
  again: SourcedObject[];
  lookups: Lookup[];
}

function suffixOf(variant: Variant): string {
  return variant === DEFAULTS ? '' : ` (with ${variant.title})`;
}

/** Helm names the place as `(chart/templates/service.yaml:12:4)`. */
function placeInError(error: string): Place | undefined {
  const [, file, line, column] =
    /\b[\w.-]+\/((?:charts\/[\w./-]+\/)?templates\/[\w./-]+?):(\d+)(?::(\d+))?/.exec(error) ?? [];
  if (file === undefined) return undefined;
  return { file, line: Number(line), ...(column === undefined ? {} : { column: Number(column) }) };
}

class Inspector {
  private readonly renderer: Renderer;
  private readonly findings: Findings;
  private readonly yaml: StewardYaml;
  private readonly severityOfUnstable: 'error' | 'warning';
  private readonly known = new Set<string>();

  constructor(renderer: Renderer, { findings, allowDiffering }: InspectOptions, yaml: StewardYaml) {
    this.renderer = renderer;
    this.findings = findings;
    this.severityOfUnstable = allowDiffering === true ? 'warning' : 'error';
    this.yaml = yaml;
  }

  /** @param before what lookups find */
  private async renderOnce(
    { variant, releaseName, isUpgrade = false }: Run,
    before: readonly SourcedObject[],
  ): Promise<{ objects: SourcedObject[]; lookups: Lookup[] } | undefined> {
    const rendered = await this.renderer.render({
      releaseName,
      namespace: NAMESPACE,
      values: variant.values,
      isUpgrade,
      find: foundAmong(before, NAMESPACE),
    });
    const set: RenderedSet = rendered.ok ? readRendered(rendered.yaml) : rendered;
    if (set.ok) return { objects: set.objects, lookups: (rendered.ok && rendered.lookups) || [] };
    const how = variant === DEFAULTS ? 'with its own values' : `with ${variant.title}, which the hub may set`;
    const place = set.template ? { file: set.template } : placeInError(set.error);
    this.findings.add('error', 'render', `the chart does not render ${how}: ${set.error}`, {
      place,
      action: 'Try `helm template` with the same values.',
    });
    return undefined;
  }

  /** Renders twice, and tells what differs. Lookups find nothing, and then what the first render made. */
  async run(run: Run): Promise<RunResult | undefined> {
    const first = await this.renderOnce(run, []);
    const second = first && (await this.renderOnce(run, first.objects));
    if (!second) return undefined;
    const { objects } = first;
    const result = { ...run, objects, again: second.objects, lookups: [...first.lookups, ...second.lookups] };
    this.checkLookups(run, result.lookups);
    for (const { key, ...problem } of stabilityProblems(result, this.yaml.generateOnce ?? []))
      this.tell(run, key, { severity: this.severityOfUnstable, ...problem });
    this.checkObjects(run, objects);
    this.checkSet(run, objects);
    return result;
  }

  /** Tells a problem; the same in a later variant is not told again. */
  private tell({ variant, releaseName }: Run, key: string, problem: ObjectProblem & { template?: string }): void {
    const { severity, code, message, action, template } = problem;
    if (this.known.has(`${code} ${key}`)) return;
    this.known.add(`${code} ${key}`);
    const text = withPlaceholder(message, releaseName) + suffixOf(variant);
    this.findings.add(severity, code, text, { action, place: template === undefined ? undefined : { file: template } });
  }

  private checkLookups(run: Run, lookups: readonly Lookup[]): void {
    for (const lookup of lookups) {
      const words = lookupWords(lookup, run.releaseName);
      const note: ObjectProblem = {
        severity: 'note',
        code: 'lookup',
        message: `looks up ${words}: the release asks for the right to read that, and the agent for what is there`,
        action: 'Here it found nothing at the first render, and at the second what the first one made.',
      };
      this.tell(run, `${words} ${lookup.namespace}`, checkLookup(lookup, NAMESPACE) ?? note);
    }
  }

  private checkObjects(run: Run, objects: SourcedObject[]): void {
    const namesOf = (kind: string): Set<string> =>
      new Set(objects.filter(({ object }) => object.kind === kind).map(({ object }) => object.metadata.name));
    const context = {
      namespace: NAMESPACE,
      exceptions: this.yaml.exceptions ?? {},
      ownServiceAccounts: namesOf('ServiceAccount'),
      ownRoles: namesOf('Role'),
    };
    for (const { object, template } of objects)
      for (const problem of checkObject(object, context)) {
        // In another variant the object may have another name.
        const key = [template, object.kind, problem.message.replaceAll(object.metadata.name, '')].join(' ');
        this.tell(run, key, { ...problem, template });
      }
  }

  private checkSet(run: Run, objects: SourcedObject[]): void {
    const error = { severity: 'error' } as const;
    if (objects.length === 0)
      this.tell(run, '', {
        ...error,
        code: 'empty',
        message: 'the chart renders to nothing',
        action: 'Check its values.',
      });
    if (objects.length > LIMITS.maxRenderedObjects)
      this.tell(run, '', {
        ...error,
        code: 'too-many-objects',
        message: `the chart renders to ${objects.length} objects`,
        action: `At most ${LIMITS.maxRenderedObjects} are possible; split it.`,
      });
    const seen = new Set<string>();
    for (const { object, template } of objects) {
      const name = objectName(object);
      const hook = chartHookOf(object);
      // Two hooks of one name may be there when they never run at the same moment.
      const keys = hook === undefined || typeof hook === 'string' ? [name] : hook.events.map((event) => name + event);
      const action = 'Give one of them another name.';
      if (keys.some((key) => seen.has(key)))
        this.tell(run, `${template} ${object.kind}`, {
          ...error,
          code: 'twice',
          message: `${name} is rendered twice`,
          action,
          template,
        });
      for (const key of keys) seen.add(key);
    }
  }
}

function readYaml(chart: Chart, findings: Findings): { yaml: StewardYaml; source: YamlSource | undefined } | undefined {
  const text = chart.files.get(STEWARD_YAML)?.toString('utf8');
  return text === undefined ? { yaml: {}, source: undefined } : readStewardYaml(text, findings);
}

function runsOf(chart: Chart, parameters: ReleaseParameters, findings: Findings): Run[] {
  const { variants, leftOut } = variantsOf(parameters.schema, chart.values, maxVariants);
  if (leftOut > 0)
    findings.add('warning', 'variants', `${leftOut} settings were not tried: at most ${maxVariants} are`, {
      action: 'Make sure they bring in no other kinds, images or Secrets, and set no number of pods.',
    });
  return [
    ...variants.map((variant) => ({ variant, releaseName: PLACEHOLDER })),
    { variant: DEFAULTS, releaseName: PLACEHOLDER, isUpgrade: true },
    // Many charts shorten names when the installation's name holds the chart's: the names of Secrets are signed both ways.
    { variant: DEFAULTS, releaseName: `${chart.meta.name.slice(0, 40)}-${PLACEHOLDER}` },
  ];
}

/**
 * Looks at a chart as the agent will: reads steward.yaml, renders the defaults and every variant twice, checks each object, and
 * derives what a release must name. With errors in `findings` the result must not be signed.
 */
export async function inspectChart(chart: Chart, renderer: Renderer, options: InspectOptions): Promise<Inspection> {
  const { findings, progress } = options;
  const definitions = readDefinitions(chart.files, findings);
  const read = readYaml(chart, findings);
  if (!read)
    return { yaml: {}, parameters: NO_PARAMETERS, permissions: [], hooks: [], definitions, images: [], scale: [] };
  const { yaml, source } = read;
  const parameters = releaseParameters(chart, yaml, source, findings);
  const inspector = new Inspector(renderer, options, yaml);
  const runs = runsOf(chart, parameters, findings);
  progress(`rendering with ${runs.length} settings, each twice`);
  // The defaults first: what is wrong with them is told once, without naming a variant.
  const [first, ...others] = runs;
  const results = first ? [await inspector.run(first)] : [];
  if (results[0]) {
    const waiting = [...others];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) results.push(await inspector.run(next));
    };
    await Promise.all(Array.from({ length: maxAtOnce }, work));
    const defaults = results[0].objects.map(({ object }) => object);
    const how = { releaseName: PLACEHOLDER, findings };
    checkProbes(yaml, source, defaults, how);
    checkMetrics(yaml, source, defaults, how);
    checkRemedies(yaml, source, defaults, how);
    checkUsers(defaults, how);
    checkGenerateOnce(
      yaml,
      source,
      results.filter((result) => result !== undefined),
      findings,
    );
  }
  const renders = results.flatMap((result): (NamedRender & VariantRender)[] =>
    result
      ? [
          {
            variant: result.variant,
            releaseName: result.releaseName,
            objects: result.objects.map(({ object }) => object),
            lookups: result.lookups,
          },
        ]
      : [],
  );
  const hooks = hooksIn(renders);
  checkHooksOf(hooks, yaml, findings);
  const images = new Set(renders.flatMap(({ objects }) => objects.flatMap((object) => imagesOf(object))));
  const measured = yaml.metrics?.resources === true ? [RESOURCE_METRICS] : [];
  const besides = [...remedyPermissions(yaml), ...lookupPermissions(renders, NAMESPACE), ...measured];
  const permissions = permissionsOf(renders, besides);
  const scale = scaleBoundsOf(yaml, renders);
  return { yaml, parameters, permissions, hooks, definitions, images: [...images].toSorted(), scale };
}
