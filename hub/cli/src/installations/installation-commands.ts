import { CreatedGrant, Installation, Operation, runStateText } from '@steward/shared';
import type { Command } from 'commander';
import { apiPath } from '../hub-api/hub-client.ts';
import { healthCell, operationCell, runsText } from '../output/cells.ts';
import { localTime } from '../output/time.ts';
import { addCommand, addGroup, type Invocation, type Session } from '../program/command.ts';
import { headline, printable } from '../terminal/terminal.ts';
import { findInstallation } from './find-installation.ts';
import { addInstallCommand } from './install-command.ts';
import { changeSections, stateSections } from './installation-lines.ts';
import { loadRelease } from './knobs.ts';

interface ListOptions {
  customer?: string;
  cluster?: string;
  service?: string;
  removed?: boolean;
}

async function runList({ options, output, hub }: Invocation<ListOptions>): Promise<void> {
  const { customer, cluster, service } = options;
  const removed = options.removed ? 'true' : undefined;
  const installations = await (
    await hub()
  ).list(Installation, '/installations', { customer, cluster, service, removed });
  output.rows(
    installations,
    [
      { title: 'customer', cell: (one) => one.customer },
      { title: 'cluster', cell: (one) => one.cluster },
      { title: 'installation', cell: (one) => one.name },
      { title: 'service', cell: (one) => one.service },
      { title: 'runs', cell: (one) => runsText(one) ?? '' },
      { title: 'wanted', cell: (one) => (one.action === 'remove' ? 'removed' : one.version) },
      { title: 'state', cell: (one) => one.state },
      { title: 'health', cell: (one) => healthCell(one) },
      { title: 'message', cell: (one) => headline(one.message ?? '') },
    ],
    'No installations. Make one: steward install SERVICE --cluster NAME',
  );
}

async function runShow({ args: [wanted = ''], output, hub }: Invocation<object>): Promise<void> {
  const client = await hub();
  const one = await findInstallation(client, wanted);
  const operation =
    output.isTable && one.currentOperation
      ? await client.get(Operation, apiPath`/operations/${one.currentOperation}`)
      : undefined;
  output.details(one, [
    ['Installation', one.name],
    ['Cluster', `${one.customer}/${one.cluster}`],
    ['Namespace', one.namespace],
    ['Helm release', one.releaseName],
    ['Service', one.service],
    ['Runs', runsText(one) ?? 'nothing yet'],
    ['Wanted', `${one.action === 'remove' ? 'removed' : one.version} (generation ${one.generation})`],
    ['Kept', one.runState && runStateText(one.runState)],
    ['State', one.state],
    ['Message', one.message],
    ['Health', healthCell(one)],
    ['Since', localTime(one.healthSince)],
    ['Operation', operation && `${operation.kind}, ${operation.phase}: ${headline(operation.message)}`],
    ['Operation state', operation && operationCell(operation.state)],
    ['Id', one.id],
  ]);
  if (!output.isTable) return;
  const release = await loadRelease(client, one).catch(() => undefined);
  for (const { title, lines } of [...stateSections(one), ...changeSections(one, release)])
    if (lines.length > 0) output.lines(['', output.paint(`${title}:`, 'bold'), ...lines.map((line) => `  ${line}`)]);
}

async function runGrant({ args: [wanted = ''], output, hub, note }: Invocation<object>): Promise<void> {
  const client = await hub();
  const installation = await findInstallation(client, wanted);
  const grant = await client.post(CreatedGrant, apiPath`/installations/${installation.id}/grant`, {});
  if (!output.isTable) return output.data(grant);
  note('The customer reads this, then runs it with kubectl pointing to the cluster:');
  output.lines([printable(grant.command)]);
  note(`Good until ${localTime(grant.expiresAt)}. It makes the namespace, and the rights that the release asks for.`);
}

export function addInstallationCommands(program: Command, session: Session): void {
  addInstallCommand(program, session);
  const installation = addGroup(program, 'installation', 'installations: services as they run in clusters');
  addCommand<ListOptions>(installation, session, {
    usage: 'list',
    summary: 'list installations: what runs, what is wanted, health',
    examples: ['steward installation list', 'steward installation list --cluster prod --output yaml'],
    options: (command) =>
      command
        .option('--customer <slug>', "only this customer's")
        .option('--cluster <name>', 'only on this cluster')
        .option('--service <slug>', 'only of this service')
        .option('--removed', 'also those that were removed'),
    run: runList,
  });
  addCommand(installation, session, {
    usage: 'show <installation>',
    summary:
      'show one installation: health with reasons, workloads, where it is reached, what it can go back to, parameters',
    about: 'By name; cluster/name or customer/cluster/name when several have it; or id.',
    examples: ['steward installation show nats', 'steward installation show prod/nats'],
    run: runShow,
  });
  addCommand(installation, session, {
    usage: 'grant <installation>',
    summary: 'print the line with which the customer gives this installation its rights',
    examples: ['steward installation grant nats'],
    run: runGrant,
  });
}
