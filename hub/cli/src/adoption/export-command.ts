import {
  canonicalJson,
  containersOf,
  imagesOf,
  InstallationExport,
  LIMITS,
  podSpecOf,
  sha256,
  type RenderedObject,
  isRecord,
} from '@steward/shared';
import type { Command } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { readBytes } from '../bytes.ts';
import { readChartArchive } from '../chart/chart-files.ts';
import { CliError, messageOf, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { addCommand, type Invocation, type Session } from '../program/command.ts';
import { openRegistry } from '../registry/open-registry.ts';
import { pullBlob } from '../registry/pull-chart.ts';
import { withRegistryFlags, type RegistryFlags } from '../registry/registry-flags.ts';
import { chartRenderer, findHelm } from '../render/helm.ts';
import { objectName, readRendered } from '../render/rendered-set.ts';
import { type Values } from '../values-path.ts';
import { chartFile, exportNotes, failureNotes, helmCommands, imageList, readme } from './export-folder.ts';
import { pinnedValues, type PinnedValues, type RenderedParts } from './pinned-values.ts';

interface ExportOptions extends RegistryFlags {
  outputDir?: string;
}

async function runExport(invocation: Invocation<ExportOptions>): Promise<void> {
  const { terminal, options, args, output, note } = invocation;
  const hub = await invocation.hub();
  const found = await findInstallation(hub, args[0] ?? '');
  const { id, name } = found;
  const exported = await hub.get(InstallationExport, apiPath`/installations/${id}/export`);
  const chart = await loadChart(invocation, hub, id, exported);
  const { values, open } = exported.imagesAsAdopted
    ? { values: exported.parameters, open: [] }
    : await pinned(invocation, exported, chart);
  const directory = resolve(terminal.cwd, options.outputDir ?? name);
  const notes = [...failureNotes(found, exported), ...exportNotes(exported, open)];
  const files: Record<string, string | Uint8Array> = {
    [chartFile(exported)]: chart,
    'values.yaml': stringify(values),
    'images.txt': imageList(exported),
    'README.md': readme(exported, notes),
  };
  await write(directory, files);
  const commands = helmCommands(exported);
  if (!output.isTable)
    return output.data({ directory, files: Object.keys(files), values, notes, ...exported, commands });
  for (const line of notes) note(line);
  note(`${Object.keys(files).join(', ')} are in ${directory}. After \`steward leave\`, from there:`);
  output.lines([commands.afterLeave]);
}

async function loadChart(
  { terminal, options }: Invocation<ExportOptions>,
  hub: HubClient,
  id: string,
  { chart }: InstallationExport,
): Promise<Buffer> {
  if (chart.oci !== undefined) {
    const registry = await openRegistry(terminal, chart.oci, options);
    return pullBlob(registry, chart).finally(() => registry.close());
  }
  const answer = await hub.open({ method: 'GET', path: apiPath`/installations/${id}/chart` });
  const bytes = await readBytes(answer.body, LIMITS.maxChartBytes);
  if (sha256(bytes) === chart.digest) return bytes;
  throw new CliError(EXIT.failed, 'the chart that the hub sent is not the one that was signed', {
    action: 'Try again; if it stays so, ask the vendor.',
  });
}

async function pinned(
  { terminal }: Invocation<ExportOptions>,
  exported: InstallationExport,
  chart: Buffer,
): Promise<PinnedValues> {
  const { releaseName, namespace, images } = exported;
  const renderer = await chartRenderer(await findHelm(terminal), chart, terminal.signal);
  try {
    return await pinnedValues({
      defaults: await defaultsOf(chart),
      parameters: exported.parameters,
      images,
      render: async (values) => {
        const rendered = await renderer.render({ releaseName, namespace, values, isUpgrade: true });
        const set = rendered.ok ? readRendered(rendered.yaml) : undefined;
        return set?.ok ? partsOf(set.objects.map(({ object }) => object)) : undefined;
      },
    });
  } finally {
    await renderer.close();
  }
}

function partsOf(objects: readonly RenderedObject[]): RenderedParts {
  const images = objects.flatMap((object) => imagesOf(object));
  const rest = objects.map((object): [string, string] => {
    const copy = structuredClone(object);
    for (const container of containersOf(podSpecOf(copy) ?? {})) delete container['image'];
    return [objectName(object), canonicalJson(copy)];
  });
  return { images, rest: new Map(rest) };
}

/** Of the chart and, below their names, of its subcharts. */
async function defaultsOf(chart: Buffer): Promise<Values> {
  const files = await readChartArchive(chart, 'the chart');
  const read = (path: string): Values => {
    const values: unknown = parse(files.get(path)?.toString('utf8') ?? '{}');
    return isRecord(values) ? values : {};
  };
  const subcharts = [...files.keys()].flatMap((path) => /^charts\/([^/]+)\/values\.yaml$/.exec(path)?.[1] ?? []);
  const below = subcharts.map((name) => [
    name,
    { ...read(`charts/${name}/values.yaml`), ...inside(read('values.yaml'), name) },
  ]);
  return { ...read('values.yaml'), ...Object.fromEntries(below) };
}

function inside(values: Values, key: string): Values {
  const inner = values[key];
  return isRecord(inner) ? inner : {};
}

/** Never over files that are there: they may be of another installation. */
async function write(directory: string, files: Record<string, string | Uint8Array>): Promise<void> {
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw usageError(`cannot make the folder ${directory}: ${messageOf(error)}`, 'Give another --output-dir.');
  });
  for (const [name, content] of Object.entries(files))
    await writeFile(join(directory, name), content, { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
      throw usageError(`cannot write ${join(directory, name)}: ${messageOf(error)}`, 'Give another --output-dir.');
    });
}

export function addExportCommand(program: Command, session: Session): void {
  addCommand<ExportOptions>(program, session, {
    usage: 'export <installation>',
    summary: 'write chart, values, images and the Helm commands, to go on without Steward',
    about:
      'Steward runs images by the digests that were signed; the values that are written make the chart name them so too, found by rendering it with helm (on PATH, ' +
      'or STEWARD_HELM). What differs all the same is said. With an id also of an installation that was left or removed.',
    examples: ['steward export nats --output-dir nats', 'steward export prod/nats --output json'],
    options: (command) =>
      withRegistryFlags(command).option(
        '--output-dir <folder>',
        "where; made when it is not there (default: the installation's name)",
      ),
    run: runExport,
  });
}
