import { InvalidArgumentError, type Command } from 'commander';
import { usageError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { basisOf } from '../installations/knobs.ts';
import { changedParameters, withParameterOptions, type ParameterOptions } from '../installations/parameters.ts';
import { releaseChoice, type ReleaseChoice } from '../installations/release-choice.ts';
import { addCommand, collect, type Invocation, type Session } from '../program/command.ts';
import { confirm } from '../terminal/prompt.ts';
import { commonFields, pushOperation, withChangeOptions, type ChangeOptions } from './push-operation.ts';
import { addRemedyCommands } from './remedy-commands.ts';

type UpgradeOptions = ChangeOptions & ParameterOptions & ReleaseChoice;

interface RollbackOptions extends ChangeOptions {
  toGeneration?: number;
}

interface UninstallOptions extends ChangeOptions {
  deleteVolumes?: boolean;
  yes?: boolean;
}

async function runUpgrade(invocation: Invocation<UpgradeOptions>): Promise<ExitCode | void> {
  const { terminal, options, args } = invocation;
  const release = releaseChoice(options);
  const installation = await findInstallation(await invocation.hub(), args[0] ?? '');
  const parameters = await changedParameters(basisOf(installation).parameters, options, terminal.cwd);
  if (Object.keys(release).length === 0 && parameters === undefined)
    throw usageError('what shall change?', 'Give --version, --channel, --set, --unset or --parameters.');
  return pushOperation(invocation, installation.id, {
    kind: 'upgrade',
    ...release,
    ...(parameters === undefined ? {} : { parameters }),
    ...commonFields(options, installation.generation),
  });
}

async function runRollback(invocation: Invocation<RollbackOptions>): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const installation = await findInstallation(await invocation.hub(), args[0] ?? '');
  return pushOperation(invocation, installation.id, {
    kind: 'rollback',
    ...(options.toGeneration === undefined ? {} : { toGeneration: options.toGeneration }),
    ...commonFields(options, installation.generation),
  });
}

async function runUninstall(invocation: Invocation<UninstallOptions>): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const installation = await findInstallation(await invocation.hub(), args[0] ?? '');
  const { name, cluster, customer } = installation;
  const volumes = options.deleteVolumes ? 'and DELETE its volumes with all data' : '(its volumes are kept)';
  const question = `Remove ${name} from ${customer}/${cluster} ${volumes}?`;
  if (!(await confirm(invocation, question))) return EXIT.usage;
  return pushOperation(invocation, installation.id, {
    kind: 'uninstall',
    ...(options.deleteVolumes ? { deleteVolumes: true } : {}),
    ...commonFields(options, installation.generation),
  });
}

function generation(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number from 1.');
  return value;
}

export function addChangeCommands(program: Command, session: Session): void {
  addCommand<UpgradeOptions>(program, session, {
    usage: 'upgrade <installation>',
    summary: 'push a version, a channel or other parameters to an installation',
    about:
      'The agent checks the signature, plans, asks the customer where the policy says so, applies, waits until everything is ready, ' +
      'and goes back to the last good generation when that does not happen in time. Refused when somebody else was faster.',
    examples: [
      'steward upgrade nats --version 2.15.2 --watch',
      'steward upgrade prod/nats --channel stable --reason "fixes the leak of ticket 4711"',
      'steward upgrade nats --set replicas=5',
    ],
    options: (command) =>
      withChangeOptions(
        withParameterOptions(
          command
            .option('--version <version>', 'release to go to')
            .option('--channel <name>', 'go to where this channel points now'),
        ).option('--unset <path>', 'take a parameter away, so that the chart decides (repeatable)', collect),
      ),
    run: runUpgrade,
  });
  addRemedyCommands(program, session);
  addCommand<RollbackOptions>(program, session, {
    usage: 'rollback <installation>',
    summary: 'go back to a generation that ran well',
    about: 'Applies what was rendered then, passwords and all. Works also when the old release has expired.',
    examples: ['steward rollback nats --watch', 'steward rollback nats --to-generation 3'],
    options: (command) =>
      withChangeOptions(
        command.option('--to-generation <number>', 'which (default: the last good one before the current)', generation),
      ),
    run: runRollback,
  });
  addCommand<UninstallOptions>(program, session, {
    usage: 'uninstall <installation>',
    summary: 'remove an installation from its cluster; volumes stay unless told',
    about: 'Customers deny this unless their policy says otherwise.',
    examples: ['steward uninstall nats --watch', 'steward uninstall nats --delete-volumes --yes'],
    options: (command) =>
      withChangeOptions(
        command.option('--delete-volumes', 'delete its volumes with all data').option('-y, --yes', 'do not ask'),
      ),
    run: runUninstall,
  });
}
