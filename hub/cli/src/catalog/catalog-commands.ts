import { Channel, ReleaseDetails, ReleaseSummary, Service } from '@steward/shared';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { apiPath } from '../hub-api/hub-client.ts';
import { localTime } from '../output/time.ts';
import { addCommand, addGroup, type Invocation, type Session } from '../program/command.ts';
import { releaseLines } from './release-lines.ts';

async function runServiceCreate({
  args: [slug = ''],
  options,
  output,
  hub,
}: Invocation<{ name?: string }>): Promise<void> {
  const service = await (await hub()).post(Service, '/services', { slug, name: options.name ?? slug });
  output.outcome(
    service,
    `Service ${service.slug} is in the catalog. Next: steward publish CHART --key FILE --service ${slug}`,
  );
}

function channelsText(channels: Service['channels']): string {
  return Object.entries(channels)
    .map(([name, version]) => `${name}=${version}`)
    .join(' ');
}

async function runServiceList({ output, hub }: Invocation<object>): Promise<void> {
  const services = await (await hub()).list(Service, '/services');
  output.rows(
    services,
    [
      { title: 'service', cell: (service) => service.slug },
      { title: 'name', cell: (service) => service.name },
      { title: 'latest', cell: (service) => service.latestVersion ?? '' },
      { title: 'channels', cell: (service) => channelsText(service.channels) },
    ],
    'No services yet. Make one: steward service create SLUG --name NAME',
  );
}

async function runServiceShow({ args: [slug = ''], output, hub }: Invocation<object>): Promise<void> {
  const service = await (await hub()).get(Service, apiPath`/services/${slug}`);
  output.details(service, [
    ['Service', service.slug],
    ['Name', service.name],
    ['Latest', service.latestVersion],
    ['Channels', channelsText(service.channels)],
    ['Created', localTime(service.createdAt)],
  ]);
}

async function runReleaseList({ args: [slug = ''], output, hub }: Invocation<object>): Promise<void> {
  const releases = await (await hub()).list(ReleaseSummary, apiPath`/services/${slug}/releases`);
  output.rows(
    releases,
    [
      { title: 'version', cell: (release) => release.version },
      { title: 'published', cell: (release) => localTime(release.publishedAt) },
      { title: 'counter', cell: (release) => String(release.counter) },
      { title: 'signed by', cell: (release) => `${release.signedBy.slice(0, 19)}…` },
      { title: 'digest', cell: (release) => release.digest },
    ],
    `No release of ${slug} yet. Publish one: steward publish CHART --key FILE`,
  );
}

async function runReleaseShow({ args: [slug = '', version = ''], output, hub }: Invocation<object>): Promise<void> {
  const details = await (await hub()).get(ReleaseDetails, apiPath`/services/${slug}/releases/${version}`);
  if (!output.isTable) return output.data(details);
  output.lines(releaseLines(details, output.paint));
  output.lines([
    '',
    output.paint('Parameters (JSON Schema):', 'bold'),
    stringify(details.release.parameters).trimEnd(),
  ]);
}

async function runChannelList({ args: [slug = ''], output, hub }: Invocation<object>): Promise<void> {
  const channels = await (await hub()).list(Channel, apiPath`/services/${slug}/channels`);
  output.rows(
    channels,
    [
      { title: 'channel', cell: (channel) => channel.name },
      { title: 'version', cell: (channel) => channel.version },
      { title: 'moved', cell: (channel) => localTime(channel.updatedAt) },
    ],
    `No channel of ${slug} yet. Make one: steward channel set ${slug} stable VERSION`,
  );
}

async function runChannelSet({ args, output, hub }: Invocation<object>): Promise<void> {
  const [slug = '', name = '', version = ''] = args;
  const path = apiPath`/services/${slug}/channels/${name}`;
  const channel = await (await hub()).put(Channel, path, { json: { version } });
  output.outcome(
    channel,
    `Channel ${channel.name} of ${slug} is at ${channel.version}. What runs is not changed by that.`,
  );
}

export function addCatalogCommands(program: Command, session: Session): void {
  const service = addGroup(program, 'service', 'services: what your catalog offers');
  addCommand<{ name?: string }>(service, session, {
    usage: 'create <slug>',
    summary: 'add a service to the catalog',
    examples: ['steward service create nats --name NATS'],
    options: (command) => command.option('--name <name>', 'its name for people (default: the slug)'),
    run: runServiceCreate,
  });
  addCommand(service, session, {
    usage: 'list',
    summary: 'list services with their channels',
    examples: ['steward service list'],
    run: runServiceList,
  });
  addCommand(service, session, {
    usage: 'show <slug>',
    summary: 'show one service',
    examples: ['steward service show nats'],
    run: runServiceShow,
  });

  const release = addGroup(program, 'release', 'releases: published versions, signed and unchangeable');
  addCommand(release, session, {
    usage: 'list <service>',
    summary: 'list the releases of a service, newest first',
    examples: ['steward release list nats'],
    run: runReleaseList,
  });
  addCommand(release, session, {
    usage: 'show <service> <version>',
    summary: 'show what was signed: images, rights, parameters, upgrade rules',
    examples: ['steward release show nats 2.15.2', 'steward release show nats 2.15.2 --output yaml'],
    run: runReleaseShow,
  });

  const channel = addGroup(program, 'channel', 'channels: names that point to a release and move');
  addCommand(channel, session, {
    usage: 'list <service>',
    summary: 'list the channels of a service',
    examples: ['steward channel list nats'],
    run: runChannelList,
  });
  addCommand(channel, session, {
    usage: 'set <service> <channel> <version>',
    summary: 'point a channel to a release, forward or back',
    examples: ['steward channel set nats stable 2.15.2'],
    run: runChannelSet,
  });
}
