import { compile, LIMITS, sha256, isRecord } from '@steward/shared';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import semver from 'semver';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { parse, parseDocument } from 'yaml';
import { CliError, messageOf, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { mergeValues, parseSetting, typedLike, valueAt, withValue, type Values } from '../values-path.ts';
import { readChartArchive, readChartFolder, type ChartFiles } from './chart-files.ts';
import { packChart } from './pack.ts';

const ChartYaml = Type.Object({
  apiVersion: Type.String(),
  name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
  version: Type.String({ maxLength: 100 }),
  appVersion: Type.Optional(Type.Union([Type.String(), Type.Number()])),
  description: Type.Optional(Type.String()),
  kubeVersion: Type.Optional(Type.String({ maxLength: 100 })),
  type: Type.Optional(Type.String()),
});
export type ChartYaml = Static<typeof ChartYaml>;
const decodeChartYaml = compile(ChartYaml);

/** What may be changed in the copy that is packed, so that one folder is published as several releases. */
export interface ChartChanges {
  version?: string | undefined;
  appVersion?: string | undefined;
  /** Laid over the chart's values.yaml, in order. */
  valuesFiles: readonly string[];
  /** `path=value`, after the files. */
  settings: readonly string[];
}

export const NO_CHANGES: ChartChanges = { valuesFiles: [], settings: [] };

export interface Chart {
  meta: ChartYaml;
  files: ChartFiles;
  values: Values;
  /** Exactly the bytes that are signed and uploaded. */
  packed: Buffer;
  digest: string;
}

function refuse(message: string, action?: string): CliError {
  return new CliError(EXIT.failed, message, { action });
}

function textOf(files: ChartFiles, path: string): string {
  return files.get(path)?.toString('utf8') ?? '';
}

function readMeta(files: ChartFiles, where: string): ChartYaml {
  if (!files.has('Chart.yaml'))
    throw refuse(
      `${where} holds no Chart.yaml`,
      'Give the folder that Chart.yaml is in, or a chart packed by `helm package`.',
    );
  let json: unknown;
  try {
    json = parse(textOf(files, 'Chart.yaml'));
  } catch (error) {
    throw refuse(`Chart.yaml cannot be read: ${messageOf(error)}`);
  }
  const decoded = decodeChartYaml(json);
  if (!decoded.ok) throw refuse(`Chart.yaml: ${decoded.error}`, 'See https://helm.sh/docs/topics/charts/');
  if (decoded.value.type === 'library')
    throw refuse(
      `${decoded.value.name} is a library chart: nothing can be installed from it`,
      'Give a chart of type application.',
    );
  if (semver.valid(decoded.value.version) === null)
    throw refuse(`Chart.yaml: version "${decoded.value.version}" is not SemVer`, 'Write it as 1.2.3');
  return decoded.value;
}

function readValues(files: ChartFiles): Values {
  try {
    const values: unknown = parse(textOf(files, 'values.yaml')) ?? {};
    if (isRecord(values)) return values;
  } catch (error) {
    throw refuse(`values.yaml cannot be read: ${messageOf(error)}`);
  }
  throw refuse('values.yaml is not a map of values');
}

async function loadValuesFile(path: string): Promise<Values> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw usageError(`cannot read the values file: ${messageOf(error)}`);
  });
  const values: unknown = parse(text) ?? {};
  if (!isRecord(values)) throw usageError(`${path} is not a map of values`);
  return values;
}

async function changed(files: ChartFiles, changes: ChartChanges, cwd: string): Promise<ChartFiles> {
  const copy: ChartFiles = new Map(files);
  if (changes.version !== undefined || changes.appVersion !== undefined) {
    const meta = parseDocument(textOf(files, 'Chart.yaml'));
    if (changes.version !== undefined) meta.set('version', changes.version);
    if (changes.appVersion !== undefined) meta.set('appVersion', changes.appVersion);
    copy.set('Chart.yaml', Buffer.from(meta.toString({ lineWidth: 0 })));
  }
  if (changes.valuesFiles.length + changes.settings.length === 0) return copy;
  let over: Values = {};
  for (const path of changes.valuesFiles) over = mergeValues(over, await loadValuesFile(resolve(cwd, path)));
  for (const text of changes.settings) {
    const { path, value } = parseSetting(text);
    const before = valueAt(mergeValues(readValues(files), over), path);
    over = withValue(over, path, typedLike(value, text.slice(path.length + 1), before));
  }
  const document = parseDocument(textOf(files, 'values.yaml'));
  for (const [key, value] of Object.entries(over)) {
    const below = readValues(files)[key];
    const merged = isRecord(value) && isRecord(below) ? mergeValues(below, value) : value;
    document.set(key, document.createNode(merged));
  }
  copy.set('values.yaml', Buffer.from(document.toString({ lineWidth: 0 })));
  return copy;
}

function hasChanges(changes: ChartChanges): boolean {
  const { version, appVersion, valuesFiles, settings } = changes;
  return version !== undefined || appVersion !== undefined || valuesFiles.length + settings.length > 0;
}

/**
 * Loads a chart from its folder or from a packed file. A folder is packed here, the same way each time; a packed file is
 * taken byte for byte unless something is changed in it.
 * @param cwd folder that relative paths start from
 */
export async function loadChart(path: string, changes: ChartChanges, cwd: string): Promise<Chart> {
  const full = resolve(cwd, path);
  const found = await stat(full).catch((error: unknown) => {
    throw usageError(
      `cannot read the chart: ${messageOf(error)}`,
      'Give a chart folder, a .tgz made by `helm package`, or oci://HOST/PATH/CHART.',
    );
  });
  if (!found.isDirectory()) return loadPackedChart(await readFile(full), path, changes, cwd);
  const files = await withChanges(await readChartFolder(full), path, changes, cwd);
  return chartOf(files, path, await packChart(readMeta(files, path).name, files));
}

/** @param where it comes from, for people */
export async function loadPackedChart(
  archive: Buffer,
  where: string,
  changes: ChartChanges,
  cwd: string,
): Promise<Chart> {
  if (archive.length > LIMITS.maxChartBytes) throw tooLarge(archive.length);
  const files = await withChanges(await readChartArchive(archive, where), where, changes, cwd);
  const packed = hasChanges(changes) ? await packChart(readMeta(files, where).name, files) : archive;
  return chartOf(files, where, packed);
}

async function withChanges(files: ChartFiles, where: string, changes: ChartChanges, cwd: string): Promise<ChartFiles> {
  readMeta(files, where);
  return hasChanges(changes) ? changed(files, changes, cwd) : files;
}

function chartOf(files: ChartFiles, where: string, packed: Buffer): Chart {
  const meta = readMeta(files, where);
  if (packed.length > LIMITS.maxChartBytes) throw tooLarge(packed.length);
  return { meta, files, values: readValues(files), packed, digest: sha256(packed) };
}

function tooLarge(bytes: number): CliError {
  const mebibytes = (value: number): string => `${(value / 1024 / 1024).toFixed(1)} MiB`;
  return refuse(
    `the packed chart is ${mebibytes(bytes)}; the limit is ${mebibytes(LIMITS.maxChartBytes)}`,
    'Leave out by .helmignore what is not needed to render it.',
  );
}
