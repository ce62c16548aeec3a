import { compile, Slug } from '@steward/shared';
import { InvalidArgumentError, type Command } from 'commander';
import { resolve } from 'node:path';
import { inspectChart, type Inspection } from '../checks/inspect-chart.ts';
import { CliError, usageError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findingLines, Findings, writeFindings } from '../findings/finding.ts';
import { httpClient } from '../hub-api/http.ts';
import { addCommand, collect, type Invocation, type Session } from '../program/command.ts';
import { chartRenderer, findHelm } from '../render/helm.ts';
import { withRegistryFlags } from '../registry/registry-flags.ts';
import { paintFor } from '../terminal/terminal.ts';
import { buildRelease } from './build-release.ts';
import { openChart, type ChartOptions, type OpenedChart } from './chart-source.ts';
import { givenDigests, pinImages } from './images.ts';
import { loadSigningKey } from './key-file.ts';
import { checkKeyIsKnown, publishRelease, type Published } from './publish-release.ts';
import { registryLookup } from './registry.ts';

interface InspectOptions extends ChartOptions {
  allowDiffering?: boolean;
}

interface PublishOptions extends InspectOptions {
  key: string;
  service?: string;
  channel?: string[];
  image?: string[];
  imagesFile?: string;
  registry: boolean;
  chartInRegistry?: boolean;
  expiresInDays?: number;
}

const decodeSlug = compile(Slug);
const dayMs = 24 * 3_600_000;

async function inspect(
  invocation: Invocation<InspectOptions>,
  findings: Findings,
): Promise<OpenedChart & { inspection: Inspection }> {
  const { terminal, args, options, note } = invocation;
  const helm = await findHelm(terminal);
  const opened = await openChart(terminal, args[0] ?? '.', options);
  const { chart } = opened;
  note(
    `${chart.meta.name} ${chart.meta.version}: ${chart.files.size} files, ${chart.packed.length} bytes, ${chart.digest}`,
  );
  const renderer = await chartRenderer(helm, chart.packed, terminal.signal);
  try {
    return {
      ...opened,
      inspection: await inspectChart(chart, renderer, {
        findings,
        progress: note,
        allowDiffering: options.allowDiffering === true,
      }),
    };
  } finally {
    await renderer.close();
  }
}

function sum(findings: Findings): string {
  const of = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
  return `${of(findings.count('error'), 'error')}, ${of(findings.count('warning'), 'warning')}`;
}

async function runLint(invocation: Invocation<InspectOptions>): Promise<ExitCode> {
  const findings = new Findings();
  const { inspection } = await inspect(invocation, findings);
  writeFindings(invocation.output, findings);
  for (const image of inspection.images) invocation.note(`image ${image}`);
  invocation.note(sum(findings));
  return findings.hasErrors ? EXIT.failed : EXIT.ok;
}

async function pinned(invocation: Invocation<PublishOptions>, images: readonly string[], findings: Findings) {
  const { terminal, options, note } = invocation;
  const given = await givenDigests(options.image ?? [], options.imagesFile, terminal.cwd);
  const http = httpClient(undefined, terminal.env);
  try {
    const lookup = options.registry ? registryLookup(http, terminal.signal, note) : undefined;
    return await pinImages(images, given, lookup, findings);
  } finally {
    http.close();
  }
}

function refuseErrors({ terminal }: Invocation<PublishOptions>, findings: Findings): void {
  const paint = paintFor(terminal, terminal.errIsTty);
  for (const line of findingLines(findings.sorted(), paint)) terminal.err(`${line}\n`);
  if (findings.hasErrors)
    throw new CliError(EXIT.failed, `not published: ${sum(findings)}`, {
      action: 'Correct the errors above; `steward lint` shows those of the chart again without publishing.',
    });
}

function channelsOf(options: PublishOptions): string[] {
  const channels = [...new Set((options.channel ?? []).flatMap((text) => text.split(',')))];
  const bad = channels.find((channel) => !decodeSlug(channel).ok);
  if (bad !== undefined)
    throw usageError(`"${bad}" is not the name of a channel`, 'Use lower-case letters, digits and dashes.');
  return channels;
}

async function runPublish(invocation: Invocation<PublishOptions>): Promise<void> {
  const { terminal, options, output, note } = invocation;
  const channels = channelsOf(options);
  const signingKey = await loadSigningKey(resolve(terminal.cwd, options.key));
  const hub = await invocation.hub();
  await checkKeyIsKnown(hub, signingKey.key);
  const findings = new Findings();
  const { chart, place, inspection } = await inspect(invocation, findings);
  const chartPlace = options.chartInRegistry === true ? stayingPlace(place) : undefined;
  const service = options.service ?? chart.meta.name;
  const images = await pinned(invocation, inspection.images, findings);
  refuseErrors(invocation, findings);
  for (const { reference, digest } of images) note(`image ${reference}@${digest}`);
  const createdAt = terminal.now();
  const days = options.expiresInDays;
  const published = await publishRelease({
    hub,
    chart,
    signingKey,
    channels,
    progress: note,
    release: (counter) =>
      buildRelease(chart, inspection, {
        service,
        images,
        chartPlace,
        counter,
        createdAt,
        expiresAt: days === undefined ? undefined : new Date(createdAt.getTime() + days * dayMs),
      }),
  });
  output.outcome(published, sentence(published));
}

/** Only the very bytes that lie there are what clusters get from there. */
function stayingPlace(place: string | undefined): string {
  if (place !== undefined) return place;
  throw usageError(
    '--chart-in-registry is for a chart that is published as it lies in a registry',
    'Push it with `helm push`, and publish it as oci://HOST/PATH/CHART without --set, --values and --app-version.',
  );
}

function sentence({ service, version, channels, movedChannels, digest, signedBy, counter, isNew }: Published): string {
  const on = channels.length > 0 ? ` on ${channels.join(', ')}` : '';
  const first = isNew
    ? `Published ${service} ${version}${on}`
    : `Already published: ${service} ${version}${on}; ${movedChannels.length > 0 ? `moved ${movedChannels.join(', ')}` : 'nothing changed'}`;
  return [first, `release ${digest} (counter ${counter})`, `signed by ${signedBy}`].join('\n');
}

function positiveDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1) throw new InvalidArgumentError('Give a whole number of days.');
  return days;
}

function withChartOptions(command: Command): Command {
  return withRegistryFlags(command)
    .option(
      '--version <version>',
      "publish under this version instead of Chart.yaml's; of a chart in a registry: which one",
    )
    .option('--app-version <version>', "appVersion instead of Chart.yaml's")
    .option(
      '--values <file>',
      "lay a values file over the chart's own defaults, in the packed copy (repeatable)",
      collect,
    )
    .option('--set <path=value>', 'the same for one value (repeatable)', collect)
    .option('--allow-differing', 'only warn of fields that differ from render to render: upgrades make them anew');
}

export function addPublishCommands(program: Command, session: Session): void {
  addCommand<PublishOptions>(program, session, {
    usage: 'publish <chart>',
    summary: 'sign a chart as a release and upload it',
    about:
      'Packs the chart (the same files always give the same digest; one that is packed already, as a file or in a registry, is taken as it is), renders it with its defaults and with every ' +
      'setting that customers may choose, derives the rights that the agent will need, pins images to digests, ' +
      'signs all of that with your key and uploads it. The first release of a service brings it into the catalog. ' +
      'Doing it again with the same content changes nothing.',
    examples: [
      'steward publish ./charts/nats --key release.key --channel stable',
      'steward publish web-1.2.0.tgz --key release.key --image ghcr.io/acme/web:1.2.0=sha256:…',
      'steward publish oci://ghcr.io/acme/charts/web --version 1.2.0 --key release.key',
      'steward publish ./charts/nats --key release.key --version 2.14.9 --app-version 2.14.9',
    ],
    options: (command) =>
      withChartOptions(command)
        .requiredOption('--key <file>', 'your release key, made by `steward keys create`')
        .option('--service <slug>', "the service it is a release of (default: the chart's name)")
        .option('--channel <name>', 'channel to move to this release (repeatable)', collect)
        .option('--image <ref=sha256:…>', 'digest of an image (repeatable)', collect)
        .option('--images-file <file>', 'the same, a line per image')
        .option('--chart-in-registry', 'leave the chart in its registry: clusters get it from there, not from the hub')
        .option('--no-registry', 'do not ask registries for digests that are not given')
        .option('--expires-in-days <days>', 'no new installs and upgrades to it after that', positiveDays),
    run: runPublish,
  });
  addCommand<InspectOptions>(program, session, {
    usage: 'lint [chart]',
    summary: 'say what is wrong with a chart, with file, line and column',
    about: 'Does everything that publish does before it signs; needs no hub. Ends with 1 when there are errors.',
    examples: ['steward lint ./charts/nats', 'steward lint ./charts/nats --output json'],
    options: (command) => void withChartOptions(command),
    run: runLint,
  });
}
