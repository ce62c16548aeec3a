import type { Installation } from '@steward/shared';
import type { Command } from 'commander';
import { usageError } from '../cli-error.ts';
import { installAgent, type InstallAgentOptions } from '../customer/install-agent.ts';
import { findCluster } from '../clusters/find-cluster.ts';
import type { ExitCode } from '../exit-codes.ts';
import { withWatchOptions } from '../operations/push-operation.ts';
import { addCommand, collect, type Invocation, type Session } from '../program/command.ts';
import { createInstallation, type CreateOptions } from './create-installation.ts';
import { withParameterOptions } from './parameters.ts';

export interface InstallServiceOptions extends CreateOptions {
  cluster?: string;
  name?: string;
}

/** The vendor's side: a service on a customer's cluster. */
async function installService(invocation: Invocation<InstallOptions>): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const service = args[0] ?? '';
  const { name = service } = options;
  if (options.cluster === undefined)
    throw usageError('on which cluster?', 'Give --cluster; see `steward cluster list`.');
  const hub = await invocation.hub();
  const cluster = await findCluster(hub, options.cluster);
  const words = ({ version: installed, namespace }: Installation): string[] => [
    `${name}: ${service} ${installed} for ${cluster.customer}/${cluster.name}, namespace ${namespace}`,
    'The customer gives it its rights with this line (not needed when the agent is installed after now):',
  ];
  return createInstallation(invocation, { cluster, name, service, words });
}

type InstallOptions = InstallServiceOptions & InstallAgentOptions;

async function runInstall(invocation: Invocation<InstallOptions>): Promise<ExitCode | void> {
  const { args, options } = invocation;
  const isAgent = options.vendorKey !== undefined;
  if (isAgent && args.length > 0)
    throw usageError('a service or --vendor-key: give one of them', 'See `steward install --help`.');
  if (isAgent) return installAgent(invocation);
  if (args.length === 0)
    throw usageError('install what?', 'Name a service; or, in your own cluster, give --vendor-key.');
  return installService(invocation);
}

export function addInstallCommand(program: Command, session: Session): void {
  addCommand<InstallOptions>(program, session, {
    usage: 'install [service]',
    summary: "vendor: a service on a customer's cluster; customer: the agent, verified, in this cluster",
    about:
      'As the vendor: `steward install SERVICE --cluster NAME` asks the hub to run a service there, and prints the line with ' +
      'which the customer gives it its rights.\n\n' +
      'As the customer: `steward install --vendor-key FINGERPRINT --hub URL --token TOKEN` builds the manifest of the agent on ' +
      "this machine from parts that it checks against the vendor's fingerprint, says in words what it allows, and prints it " +
      '(or applies it, with --apply). The hub is not trusted for that.',
    examples: [
      'steward install nats --cluster prod --watch',
      'steward install nats --cluster beta/prod --name orders --set storage.size=50Gi',
      'steward install --vendor-key sha256:… --hub https://hub.acme.example --token … --agent-image … > agent.yaml',
      'steward install --vendor-key sha256:… --hub https://hub.acme.example --token … --agent-image … --apply',
    ],
    options: (command) => {
      command
        .optionsGroup('The vendor, for a service:')
        .option('--cluster <name>', 'where; customer/name when several have it')
        .option('--name <name>', "the installation's name (default: the service's)")
        .option('--namespace <namespace>', "a namespace of its own (default: the installation's name)")
        .option('--version <version>', 'release to install')
        .option('--channel <name>', 'install what this channel points to (default: stable)');
      withWatchOptions(withParameterOptions(command))
        .optionsGroup('The customer, for the agent:')
        .option(
          '--vendor-key <sha256:…>',
          "fingerprint of the vendor's release key, from the contract (repeatable)",
          collect,
        )
        .option('--hub <url>', "the vendor's hub")
        .option('--token <token>', 'the enrolment token; - reads it from standard input')
        .option('--hub-pin <sha256//…>', "the hub's public key, as in the line that the hub prints")
        .option('--ca <file>', "the hub's own certificate authority, PEM")
        .option('--agent-image <image>', "the agent's image that you mean to run")
        .option('--context <name>', 'of your kubeconfig (default: the current one)')
        .option('--apply', 'apply it with kubectl, after asking')
        .option('-y, --yes', 'do not ask')
        .optionsGroup('Both:');
    },
    run: runInstall,
  });
}
