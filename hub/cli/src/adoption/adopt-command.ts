import { Installation, type Cluster } from '@steward/shared';
import type { Command } from 'commander';
import { CliError, usageError } from '../cli-error.ts';
import { findCluster } from '../clusters/find-cluster.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { HubClient } from '../hub-api/hub-client.ts';
import { createInstallation, type CreateOptions } from '../installations/create-installation.ts';
import { changedParameters, withParameterOptions } from '../installations/parameters.ts';
import { releaseChoice } from '../installations/release-choice.ts';
import { commonFields, pushOperation, withChangeOptions, type ChangeOptions } from '../operations/push-operation.ts';
import { addCommand, type Invocation, type Session } from '../program/command.ts';
import { clusterOfCustomer } from './cluster-of-customer.ts';

interface AdoptOptions extends CreateOptions, ChangeOptions {
  cluster?: string;
  customer?: string;
  releaseName?: string;
  name?: string;
  acceptDifferences?: boolean;
}

async function runAdopt(invocation: Invocation<AdoptOptions>): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const { releaseName = options.name ?? args[0] ?? '' } = options;
  const hub = await invocation.hub();
  const cluster = await clusterOf(hub, options);
  const name = options.name ?? releaseName;
  const [known] = await hub.list(Installation, '/installations', {
    name,
    cluster: cluster.name,
    customer: cluster.customer,
  });
  return known ? adoptAgain(invocation, known) : adoptFirst(invocation, { cluster, name, releaseName });
}

function clusterOf(hub: HubClient, { cluster, customer }: AdoptOptions): Promise<Cluster> {
  if (cluster !== undefined)
    return findCluster(hub, customer === undefined || cluster.includes('/') ? cluster : `${customer}/${cluster}`);
  if (customer !== undefined) return clusterOfCustomer(hub, customer);
  throw usageError('on which cluster?', 'Give --cluster, or --customer of one who has a single cluster.');
}

/** The first time: with the line that gives the agent its rights. */
async function adoptFirst(
  invocation: Invocation<AdoptOptions>,
  { cluster, name, releaseName }: { cluster: Cluster; name: string; releaseName: string },
): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const { acceptDifferences } = options;
  const words = ({ name: named, namespace, service, version }: Installation): string[] => [
    `${named}: takes over the Helm release ${releaseName} in namespace ${namespace} of ${cluster.customer}/${cluster.name} as ${service} ${version}`,
    'The customer gives the agent its rights there with this line; nothing runs differently by it:',
  ];
  const adopt = { releaseName, ...(acceptDifferences ? { acceptDifferences } : {}) };
  return createInstallation(invocation, { cluster, name, service: args[0] ?? '', adopt, words });
}

/** With other values, or the differences accepted: the same installation, the same rights. */
async function adoptAgain(invocation: Invocation<AdoptOptions>, known: Installation): Promise<ExitCode | void> {
  const { terminal, options, args } = invocation;
  const { acceptDifferences, releaseName, namespace } = options;
  const wasNamed = known.releaseName ?? known.name;
  const isOther =
    known.service !== args[0] ||
    (releaseName !== undefined && releaseName !== wasNamed) ||
    (namespace !== undefined && namespace !== known.namespace);
  if (isOther)
    throw new CliError(
      EXIT.conflict,
      `${known.name} is ${known.service}, the Helm release ${wasNamed} in namespace ${known.namespace}`,
      { action: 'Give --name, so that this one gets another.' },
    );
  const parameters = await changedParameters(known.parameters, options, terminal.cwd);
  return pushOperation(invocation, known.id, {
    kind: 'adopt',
    ...releaseChoice(options),
    ...(parameters === undefined ? {} : { parameters }),
    ...(acceptDifferences ? { acceptDifferences } : {}),
    ...commonFields(options, known.generation),
  });
}

export function addAdoptCommand(program: Command, session: Session): void {
  addCommand<AdoptOptions>(program, session, {
    usage: 'adopt <service>',
    summary: 'take over what a customer runs from a plain helm install, without restarting it',
    about:
      'Publish the very chart that runs as a release first. The agent renders it under the same Helm release name and compares: when nothing differs it ' +
      'takes over and no pod is restarted; passwords are kept. When something differs it changes nothing and names each field. Give the values that it ' +
      'runs with then (the customer sees them with `helm get values`) and say it again: the same command goes on with the same installation. ' +
      'What another Helm release, Argo CD, Flux or another agent owns is refused.',
    examples: [
      'steward adopt nats --customer beta --release-name orders-nats --namespace messaging --watch',
      'steward adopt nats --cluster beta/prod --release-name orders-nats --namespace messaging --set replicas=5 --watch',
      'steward adopt nats --cluster beta/prod --release-name orders-nats --accept-differences --watch',
    ],
    options: (command) => {
      command
        .option('--cluster <name>', 'where; customer/name when several have it')
        .option('--customer <slug>', 'whose cluster, instead of --cluster where there is only one')
        .option('--release-name <name>', "Helm's name of it, as `helm list` shows it (default: the service's)")
        .option('--namespace <namespace>', "where it runs (default: the installation's name)")
        .option('--name <name>', "the installation's name (default: Helm's)")
        .option('--version <version>', 'release that it is')
        .option('--channel <name>', 'it is what this channel points to (default: stable)')
        .option('--accept-differences', 'take over also where fields change by that, and restart what that restarts');
      withChangeOptions(withParameterOptions(command));
    },
    run: runAdopt,
  });
}
