import { IF_UNDER_WAY, Operation, OperationDetails, OPERATION_STATES, type IfUnderWay } from '@steward/shared';
import { Option, type Command } from 'commander';
import { UUID } from '../clusters/find-cluster.ts';
import { usageError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { operationCell } from '../output/cells.ts';
import { localClock, localTime } from '../output/time.ts';
import { parseDuration } from '../output/timeout.ts';
import { addCommand, addGroup, type Invocation, type Session } from '../program/command.ts';
import { headline, oneLine, printable } from '../terminal/terminal.ts';
import { addChangeCommands } from './change-commands.ts';
import { adviceFor, followOperation } from './follow.ts';
import { operationTitle } from '../output/operation-title.ts';

interface ListOptions {
  installation?: string;
  cluster?: string;
  customer?: string;
  state?: string;
  unfinished?: boolean;
  limit: string;
}

/** An operation's id, `op-` and the id as the cluster calls it, or an installation's name for its latest one. */
async function operationId(hub: HubClient, wanted: string): Promise<string> {
  const id = wanted.replace(/^op-/, '');
  if (UUID.test(id)) return id;
  const installation = await findInstallation(hub, wanted);
  const [latest] = await hub.list(Operation, '/operations', { installation: installation.id }, 1);
  if (!latest) throw usageError(`${wanted} has had no operation yet`);
  return latest.id;
}

async function runList({ options, output, hub }: Invocation<ListOptions>): Promise<void> {
  const client = await hub();
  const { cluster, customer, state } = options;
  const installation = options.installation && (await findInstallation(client, options.installation)).id;
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) throw usageError('--limit: give a whole number from 1');
  const unfinished = options.unfinished ? 'true' : undefined;
  const operations = await client.list(
    Operation,
    '/operations',
    { installation, cluster, customer, state, unfinished },
    limit,
  );
  output.rows(
    operations,
    [
      { title: 'created', cell: (operation) => localTime(operation.createdAt) },
      { title: 'customer', cell: (operation) => operation.customer },
      { title: 'cluster', cell: (operation) => operation.cluster },
      { title: 'installation', cell: (operation) => operation.installation },
      { title: 'kind', cell: (operation) => operation.kind },
      { title: 'generation', cell: (operation) => String(operation.generation) },
      { title: 'version', cell: (operation) => operation.version },
      { title: 'state', cell: (operation) => operationCell(operation.state) },
      { title: 'phase', cell: (operation) => operation.phase },
      { title: 'id', cell: (operation) => operation.id },
      { title: 'message', cell: (operation) => headline(operation.message) },
    ],
    'No operations.',
  );
}

async function runShow({ args: [wanted = ''], output, hub }: Invocation<object>): Promise<void> {
  const client = await hub();
  const details = await client.get(OperationDetails, apiPath`/operations/${await operationId(client, wanted)}`);
  output.details(details, [
    ['Operation', details.id],
    ['Installation', `${details.customer}/${details.cluster}/${details.installation}`],
    ['What', `${operationTitle(details)} (generation ${details.generation})`],
    ['State', operationCell(details.state)],
    ['Phase', details.phase],
    ['Message', headline(details.message)],
    ['Reason', details.reasonCode],
    ['What to do', details.state === 'succeeded' ? undefined : adviceFor(details.reasonCode)],
    ['Requested by', details.requestedBy],
    ['Because', details.requestReason],
    ['Created', localTime(details.createdAt)],
    ['Started', localTime(details.startedAt)],
    ['Finished', localTime(details.finishedAt)],
    ['Start until', localTime(details.notAfter)],
    ['Trace', details.traceId],
  ]);
  if (!output.isTable) return;
  if (headline(details.message) !== details.message)
    output.lines(['', output.paint('Message:', 'bold'), ...printable(details.message).trimEnd().split('\n')]);
  if (details.plan) {
    output.lines(['', output.paint('Plan:', 'bold'), `  ${oneLine(details.plan.summary)}`]);
    output.lines(
      details.plan.changes.map(({ action, object, fields }) =>
        oneLine(`  ${action.padEnd(8)} ${object}${fields ? `  (${fields.join(', ')})` : ''}`),
      ),
    );
  }
  output.lines(['', output.paint('What happened:', 'bold')]);
  output.lines(
    details.transitions.map(
      ({ at, phase, state, message }) =>
        `  ${localClock(at)}  ${phase.padEnd(9)} ${state.padEnd(17)} ${headline(message)}`,
    ),
  );
}

async function runWatch(invocation: Invocation<{ timeout?: number }>): Promise<ExitCode> {
  const {
    args: [wanted = ''],
    options,
    terminal,
    output,
    note,
  } = invocation;
  const hub = await invocation.hub();
  const id = await operationId(hub, wanted);
  return followOperation(id, { hub, terminal, output, note, timeoutMs: options.timeout });
}

async function runCancel({
  args: [wanted = ''],
  options,
  output,
  hub,
  note,
}: Invocation<CancelOptions>): Promise<ExitCode | void> {
  const client = await hub();
  const path = apiPath`/operations/${await operationId(client, wanted)}/cancel`;
  const operation = await client.post(
    Operation,
    path,
    options.ifUnderWay === undefined ? {} : { ifUnderWay: options.ifUnderWay },
  );
  output.outcome(operation, `${operationTitle(operation)}: ${operation.state}. ${headline(operation.message)}`);
  const { state, kind, phase } = operation;
  if (state !== 'running') return;
  const isEnd = kind === 'uninstall' || kind === 'leave';
  if (isEnd && phase !== 'pre-hooks') {
    note(`Too late: the ${kind} has begun, and goes on to its end.`);
    return EXIT.failed;
  }
  if (options.ifUnderWay !== undefined)
    return note(
      `Its agent is asked to stop it, if that is not too late. How it ends: steward operations watch ${operation.id}`,
    );
  note('Too late: it is changing something already, and goes on.');
  note(
    isEnd
      ? 'Until its first hooks are done, stop it with --if-under-way hold: nothing is removed then.'
      : 'Stop it with --if-under-way roll-back, or leave what was applied with --if-under-way hold.',
  );
  return EXIT.failed;
}

interface CancelOptions {
  ifUnderWay?: IfUnderWay;
}

export function addOperationCommands(program: Command, session: Session): void {
  addChangeCommands(program, session);
  const operations = addGroup(program, 'operations', 'operations: what was done to installations, and how it went');
  const which = 'The operation by its id, or an installation by its name for its latest one.';
  addCommand<ListOptions>(operations, session, {
    usage: 'list',
    summary: 'list operations, newest first',
    examples: [
      'steward operations list --unfinished',
      'steward operations list --installation nats --state rolled-back',
    ],
    options: (command) =>
      command
        .option('--installation <name>', 'only of this installation')
        .option('--cluster <name>', 'only on this cluster')
        .option('--customer <slug>', "only this customer's")
        .addOption(new Option('--state <state>', 'only in this state').choices(OPERATION_STATES))
        .option('--unfinished', 'only those that have not ended')
        .option('--limit <number>', 'at most so many', '50'),
    run: runList,
  });
  addCommand(operations, session, {
    usage: 'show <operation>',
    summary: 'show one operation: its plan, every step, and what to do when it failed',
    about: which,
    examples: ['steward operations show nats', 'steward operations show 0192f0c1-5a3e-7cc0-8000-2f5f7b1f9b11'],
    run: runShow,
  });
  addCommand<{ timeout?: number }>(operations, session, {
    usage: 'watch <operation>',
    summary: 'follow an operation to its end; the exit code says how it went',
    about: which,
    examples: ['steward operations watch nats', 'steward operations watch nats --timeout 10m --output json'],
    options: (command) =>
      command.option('--timeout <time>', 'give up after 90s, 10m, 2h (the operation goes on)', parseDuration),
    run: runWatch,
  });
  addCommand<CancelOptions>(operations, session, {
    usage: 'cancel <operation>',
    summary: 'stop an operation that has not changed anything yet, or one under way with --if-under-way',
    about: `${which}\n\nOne that is changing something goes on, unless --if-under-way says what is to become of it: "roll-back" puts the last good generation back, "hold" leaves what was applied until somebody pushes again. An uninstall stops with either while its first hooks run, and what is there runs on; after that it goes on, and so does a leave.`,
    examples: ['steward operations cancel nats', 'steward operations cancel nats --if-under-way roll-back'],
    options: (command) =>
      command.addOption(
        new Option('--if-under-way <what>', 'what becomes of one that is under way').choices(IF_UNDER_WAY),
      ),
    run: runCancel,
  });
}
