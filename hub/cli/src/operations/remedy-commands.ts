import type { Command } from 'commander';
import { usageError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { basisOf, loadRelease, turnedKnobs } from '../installations/knobs.ts';
import { scaleRequest } from '../installations/scale-request.ts';
import { addCommand, type CommandSpec, type Invocation, type Session } from '../program/command.ts';
import { confirm } from '../terminal/prompt.ts';
import { AUTOSCALE } from './autoscale-command.ts';
import { commonFields, pushOperation, withChangeOptions, type ChangeOptions } from './push-operation.ts';
import { RESIZE } from './resize-command.ts';
import { SCHEDULE } from './schedule-command.ts';

interface StopOptions extends ChangeOptions {
  yes?: boolean;
}

async function push(invocation: Invocation<ChangeOptions>, kind: 'restart' | 'stop' | 'start') {
  const installation = await findInstallation(await invocation.hub(), invocation.args[0] ?? '');
  const fields = commonFields(invocation.options, installation.generation);
  return pushOperation(invocation, installation.id, { kind, ...fields });
}

async function runStop(invocation: Invocation<StopOptions>): Promise<ExitCode | void> {
  const { name, cluster, customer } = await findInstallation(await invocation.hub(), invocation.args[0] ?? '');
  const question = `Stop ${name} in ${customer}/${cluster}? Nobody can use it until it is started again.`;
  return (await confirm(invocation, question)) ? push(invocation, 'stop') : EXIT.usage;
}

async function runScale(invocation: Invocation<ChangeOptions>): Promise<ExitCode | void> {
  const [wanted = '', ...settings] = invocation.args;
  const installation = await findInstallation(await invocation.hub(), wanted);
  return pushOperation(invocation, installation.id, {
    kind: 'scale',
    replicas: scaleRequest(installation, settings),
    ...commonFields(invocation.options, installation.generation),
  });
}

async function runSet(invocation: Invocation<ChangeOptions>): Promise<ExitCode | void> {
  const [wanted = '', ...settings] = invocation.args;
  const hub = await invocation.hub();
  const installation = await findInstallation(hub, wanted);
  const release = await loadRelease(hub, installation);
  if (settings.length === 0) throw usageError('which knob?', 'Say KNOB=VALUE.');
  return pushOperation(invocation, installation.id, {
    kind: 'upgrade',
    // Like every remedy it is for what runs: the hub would ask which version is meant.
    ...(installation.inEffect && { version: installation.inEffect.version }),
    parameters: turnedKnobs(release, basisOf(installation).parameters, settings),
    ...commonFields(invocation.options, installation.generation),
  });
}

const KEPT = 'An upgrade, a rollback or a repair that comes later keeps it.';

const RESTART: CommandSpec<ChangeOptions> = {
  usage: 'restart <installation>',
  summary: 'replace every pod once, a few at a time, as an upgrade would',
  about:
    'Release, parameters and counts stay. The workloads roll by their own rules, so a service with several pods stays up. ' +
    'Customers are asked unless their policy has a rule for restart.',
  examples: ['steward restart nats --watch', 'steward restart prod/nats --reason "leaks memory, ticket 4711"'],
  options: withChangeOptions,
  run: (invocation) => push(invocation, 'restart'),
};

const STOP: CommandSpec<StopOptions> = {
  usage: 'stop <installation>',
  summary: 'end every pod of an installation; volumes and settings stay',
  about: `Done when the last pod has ended. ${KEPT} CronJobs are suspended. \`steward start\` brings the counts back.`,
  examples: ['steward stop nats --watch', 'steward stop nats --yes --reason "saves money over the weekend"'],
  options: (command) => withChangeOptions(command).option('-y, --yes', 'do not ask'),
  run: runStop,
};

const START: CommandSpec<ChangeOptions> = {
  usage: 'start <installation>',
  summary: 'run a stopped installation again, with the counts it had',
  about:
    'Also one that was scaled or upgraded while it was stopped: it comes up as it is wanted by then. One that its schedule has stopped runs until that window ends.',
  examples: ['steward start nats --watch'],
  options: withChangeOptions,
  run: (invocation) => push(invocation, 'start'),
};

const SCALE: CommandSpec<ChangeOptions> = {
  usage: 'scale <installation> <workload=pods...>',
  summary: 'run other numbers of pods than the release says',
  about:
    `A workload is a Deployment or StatefulSet, by its name or as Deployment/web. ${KEPT} \`default\` gives the count back to the release. ` +
    'Only inside what the release says of the count, by bounds or by a knob (`steward installation show`); where it has a knob, ' +
    '`steward set` is better: the vendor has said what else must change with it. ' +
    'What an autoscaler scales is refused (`steward autoscale`).',
  examples: ['steward scale shop web=5 --watch', 'steward scale shop web=default StatefulSet/db=3'],
  options: withChangeOptions,
  run: runScale,
};

const SET: CommandSpec<ChangeOptions> = {
  usage: 'set <installation> <knob=value...>',
  summary: 'turn knobs: what the vendor has made to be changed, between its bounds',
  about:
    'An upgrade with that parameter, of the version that runs. `steward installation show` lists the knobs with their bounds, and which ' +
    'of them hold only at installation: those are refused.',
  examples: ['steward set nats memory=512 --watch', 'steward set nats memory=512 storage=80'],
  options: withChangeOptions,
  run: runSet,
};

/** What helps without another version: restart, stop, start, scale, resize, autoscale, schedule, and the knobs. */
export function addRemedyCommands(program: Command, session: Session): void {
  addCommand(program, session, RESTART);
  addCommand(program, session, STOP);
  addCommand(program, session, START);
  addCommand(program, session, SCALE);
  addCommand(program, session, RESIZE);
  addCommand(program, session, AUTOSCALE);
  addCommand(program, session, SCHEDULE);
  addCommand(program, session, SET);
}
