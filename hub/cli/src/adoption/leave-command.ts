import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { commonFields, pushOperation, withChangeOptions, type ChangeOptions } from '../operations/push-operation.ts';
import { addCommand, type Invocation, type Session } from '../program/command.ts';
import { confirm } from '../terminal/prompt.ts';

interface LeaveOptions extends ChangeOptions {
  yes?: boolean;
}

async function runLeave(invocation: Invocation<LeaveOptions>): Promise<ExitCode | void> {
  const { options, args, note } = invocation;
  const installation = await findInstallation(await invocation.hub(), args[0] ?? '');
  const { id, name, cluster, customer, generation } = installation;
  const question = `Let go of ${name} in ${customer}/${cluster}? It runs on, and nobody upgrades, repairs or watches it from here any more.`;
  if (!(await confirm(invocation, question))) return EXIT.usage;
  note(`To go on with plain Helm: steward export ${id} --output-dir ${name}`);
  return pushOperation(invocation, id, { kind: 'leave', ...commonFields(options, generation) });
}

export function addLeaveCommand(program: Command, session: Session): void {
  addCommand<LeaveOptions>(program, session, {
    usage: 'leave <installation>',
    summary: 'end an installation and keep all of it running, as a plain Helm release again',
    about:
      'No object is removed and no pod restarted: Steward takes its labels off and gives the fields back to Helm. ' +
      '`steward export` writes what plain Helm needs to go on, before or afterwards. The customer is asked, unless their policy has a rule for uninstall.',
    examples: ['steward export nats --output-dir nats && steward leave nats --watch', 'steward leave prod/nats --yes'],
    options: (command) => withChangeOptions(command).option('-y, --yes', 'do not ask'),
    run: runLeave,
  });
}
