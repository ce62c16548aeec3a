import { Cluster, CreatedCluster, Enrolment, TrustedKey } from '@steward/shared';
import { InvalidArgumentError, type Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { apiPath } from '../hub-api/hub-client.ts';
import { connectionCell } from '../output/cells.ts';
import { duration, localTime } from '../output/time.ts';
import { addCommand, addGroup, type Invocation, type Session } from '../program/command.ts';
import { confirm } from '../terminal/prompt.ts';
import { printable } from '../terminal/terminal.ts';
import { findCluster } from './find-cluster.ts';

interface CreateOptions {
  customer: string;
  tokenDays?: number;
}

/** The same installation by `steward install`, which checks each part; undefined when the hub's line is of another form. */
function verifiedLine({ command, token }: Enrolment, fingerprints: readonly string[]): string | undefined {
  const [, url] = /(https?:\/\/\S+)\/install\/v1\/agent/.exec(command) ?? [];
  const [, pin] = /--pinnedpubkey '([^']+)'/.exec(command) ?? [];
  if (url === undefined || fingerprints.length === 0) return undefined;
  const keys = fingerprints.map((fingerprint) => `--vendor-key ${fingerprint}`).join(' ');
  return `steward install ${keys} --hub ${url}${pin === undefined ? '' : ` --hub-pin '${pin}'`} --token ${token} --agent-image IMAGE`;
}

async function writeEnrolment(invocation: Invocation<object>, enrolment: Enrolment): Promise<void> {
  const { output, note, hub } = invocation;
  if (!output.isTable) return output.data(enrolment);
  const keys = await (await hub()).list(TrustedKey, '/release-keys');
  note('The customer reads this, then runs it with kubectl pointing to the cluster:');
  output.lines([printable(enrolment.command)]);
  const line = verifiedLine(
    enrolment,
    keys.map(({ fingerprint }) => fingerprint),
  );
  if (line !== undefined) {
    note(
      "Or, with the key's fingerprint and the agent's IMAGE from the contract, built and checked on their own machine:",
    );
    note(`  ${line}`);
  }
  note(`The token in it is good for one enrolment, until ${localTime(enrolment.expiresAt)}, and is shown this once.`);
}

async function runCreate(invocation: Invocation<CreateOptions>): Promise<void> {
  const { args, options, output, hub } = invocation;
  const { customer, tokenDays } = options;
  const body = { name: args[0] ?? '', customer, tokenExpiresInDays: tokenDays };
  const created = await (await hub()).post(CreatedCluster, '/clusters', body);
  if (!output.isTable) return output.data(created);
  await writeEnrolment(invocation, created.enrolment);
}

async function runEnrol(invocation: Invocation<{ tokenDays?: number }>): Promise<void> {
  const { args, options } = invocation;
  const client = await invocation.hub();
  const cluster = await findCluster(client, args[0] ?? '');
  const enrolment = await client.post(Enrolment, apiPath`/clusters/${cluster.id}/enrolment`, {
    expiresInDays: options.tokenDays,
  });
  await writeEnrolment(invocation, enrolment);
}

async function runList({ options, output, hub }: Invocation<{ customer?: string }>): Promise<void> {
  const clusters = await (await hub()).list(Cluster, '/clusters', { customer: options.customer });
  output.rows(
    clusters,
    [
      { title: 'cluster', cell: (cluster) => cluster.name },
      { title: 'customer', cell: (cluster) => cluster.customer },
      { title: 'connection', cell: (cluster) => connectionCell(cluster.connection) },
      { title: 'agent', cell: (cluster) => cluster.agentVersion ?? '' },
      { title: 'kubernetes', cell: (cluster) => cluster.kubernetesVersion ?? '' },
      { title: 'last seen', cell: (cluster) => localTime(cluster.lastSeenAt) },
      { title: 'message', cell: (cluster) => cluster.connectionMessage },
    ],
    'No clusters. Make one: steward cluster create NAME --customer SLUG',
  );
}

async function runShow({ args: [wanted = ''], output, hub }: Invocation<object>): Promise<void> {
  const cluster = await findCluster(await hub(), wanted);
  output.details(cluster, [
    ['Cluster', cluster.name],
    ['Customer', cluster.customer],
    ['Connection', connectionCell(cluster.connection)],
    ['Message', cluster.connectionMessage],
    ['Agent', cluster.agentVersion],
    ['Kubernetes', cluster.kubernetesVersion],
    ['Clock', cluster.clockSkewMs === undefined ? undefined : `off by ${duration(Math.abs(cluster.clockSkewMs))}`],
    ['Created', localTime(cluster.createdAt)],
    ['Manifest fetched', localTime(cluster.manifestFetchedAt)],
    ['Enrolled', localTime(cluster.enrolledAt)],
    ['Connected since', localTime(cluster.connectedAt)],
    ['Last seen', localTime(cluster.lastSeenAt)],
    ['Id', cluster.id],
  ]);
}

async function runRevoke(invocation: Invocation<{ yes?: boolean }>): Promise<ExitCode | void> {
  const { args, output } = invocation;
  const [wanted = ''] = args;
  const client = await invocation.hub();
  const cluster = await findCluster(client, wanted);
  const question = `Shut the agent of ${cluster.customer}/${cluster.name} out? Its services run on, and nobody sees them until the customer applies a new line.`;
  if (!(await confirm(invocation, question))) return EXIT.usage;
  const revoked = await client.post(Cluster, apiPath`/clusters/${cluster.id}/revoke`, {});
  output.outcome(
    revoked,
    `The agent of ${revoked.name} is shut out. Its services run on. Let it in again: steward cluster enrol ${wanted}`,
  );
}

async function runReEnrol(invocation: Invocation<{ yes?: boolean }>): Promise<ExitCode | void> {
  const { args, output, note } = invocation;
  const client = await invocation.hub();
  const cluster = await findCluster(client, args[0] ?? '');
  const { name, customer, refusedCopy } = cluster;
  if (!refusedCopy)
    throw new CliError(EXIT.conflict, `nothing with the identity of ${name} was refused lately in another cluster`, {
      action: `Start the agent in the new place, and wait until \`steward cluster show ${args[0] ?? name}\` says that it was refused.`,
    });
  const { clusterUid, at } = refusedCopy;
  note(`Its agent dialled from another Kubernetes cluster, ${clusterUid}, and was refused at ${localTime(at)}.`);
  const question = `Has ${customer}/${name} moved there? Its agent there takes over, and what is left in the old place is shut out.`;
  if (!(await confirm(invocation, question))) return EXIT.usage;
  const moved = await client.post(Cluster, apiPath`/clusters/${cluster.id}/re-enrolment`, { clusterUid });
  output.outcome(
    moved,
    `${name} is where its agent was refused before. That one connects by itself within four minutes; to have it at once, restart its pod there.`,
  );
}

function tokenDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 90)
    throw new InvalidArgumentError('Give a whole number of days from 1 to 90.');
  return days;
}

export function addClusterCommands(program: Command, session: Session): void {
  const cluster = addGroup(program, 'cluster', 'clusters: where your services run');
  const daysHelp = 'how long the token may be used (default: 7)';
  addCommand<CreateOptions>(cluster, session, {
    usage: 'create <name>',
    summary: 'add a cluster and print the line that installs the agent in it',
    examples: [
      'steward cluster create prod --customer beta',
      'steward cluster create prod --customer beta -o json | jq -r .enrolment.command',
    ],
    options: (command) =>
      command
        .requiredOption('--customer <slug>', 'whose cluster it is')
        .option('--token-days <days>', daysHelp, tokenDays),
    run: runCreate,
  });
  addCommand<{ tokenDays?: number }>(cluster, session, {
    usage: 'enrol <cluster>',
    summary: 'print a new line that installs the agent; earlier unused ones end',
    examples: ['steward cluster enrol prod', 'steward cluster enrol beta/prod --token-days 1'],
    options: (command) => command.option('--token-days <days>', daysHelp, tokenDays),
    run: runEnrol,
  });
  addCommand<{ customer?: string }>(cluster, session, {
    usage: 'list',
    summary: 'list clusters and whether they are connected',
    examples: ['steward cluster list', 'steward cluster list --customer beta --output json'],
    options: (command) => command.option('--customer <slug>', "only this customer's"),
    run: runList,
  });
  addCommand(cluster, session, {
    usage: 'show <cluster>',
    summary: 'show one cluster; when it is not connected, why, and what to do',
    examples: ['steward cluster show prod', 'steward cluster show beta/prod'],
    run: runShow,
  });
  addCommand<{ yes?: boolean }>(cluster, session, {
    usage: 're-enrol <cluster>',
    summary: 'confirm that a cluster has moved: the copy of its agent that was refused takes over',
    about:
      "An agent that was restored into another Kubernetes cluster with its identity is refused there, until somebody says that it is no copy but the cluster's new place. " +
      'Then it connects with what it has, and the one in the old place is out and says why.',
    examples: ['steward cluster re-enrol prod', 'steward cluster re-enrol beta/prod --yes'],
    options: (command) => command.option('-y, --yes', 'do not ask'),
    run: runReEnrol,
  });
  addCommand<{ yes?: boolean }>(cluster, session, {
    usage: 'revoke <cluster>',
    summary: 'shut the agent of a cluster out, at once',
    examples: ['steward cluster revoke prod', 'steward cluster revoke beta/prod --yes'],
    options: (command) => command.option('-y, --yes', 'do not ask'),
    run: runRevoke,
  });
}
