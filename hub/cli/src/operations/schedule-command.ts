import { problemOfSchedule, type Schedule } from '@steward/shared';
import { usageError } from '../cli-error.ts';
import type { ExitCode } from '../exit-codes.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { stopWindow } from '../installations/stop-window.ts';
import { collect, type CommandSpec, type Invocation } from '../program/command.ts';
import { commonFields, pushOperation, withChangeOptions, type ChangeOptions } from './push-operation.ts';

interface ScheduleOptions extends ChangeOptions {
  stop?: string[];
  timeZone?: string;
  off?: boolean;
}

async function runSchedule(invocation: Invocation<ScheduleOptions>): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const schedule = scheduleOf(options);
  const installation = await findInstallation(await invocation.hub(), args[0] ?? '');
  return pushOperation(invocation, installation.id, {
    kind: 'schedule',
    schedule,
    ...commonFields(options, installation.generation),
  });
}

/** Null: none. @throws CliError */
function scheduleOf({ stop = [], timeZone, off }: ScheduleOptions): Schedule | null {
  if (off && (stop.length > 0 || timeZone !== undefined))
    throw usageError('--off takes the schedule away, so no windows go with it');
  if (off) return null;
  if (stop.length === 0 || timeZone === undefined)
    throw usageError('when is it to be stopped?', 'Give --stop "mon-fri 20:00-06:00" and --time-zone, or --off.');
  const schedule = { timeZone, stop: stop.map(stopWindow) };
  const problem = problemOfSchedule(schedule);
  if (problem !== undefined) throw usageError(problem);
  return schedule;
}

export const SCHEDULE: CommandSpec<ScheduleOptions> = {
  usage: 'schedule <installation>',
  summary: 'stop an installation at night or over the weekend, every week',
  about:
    'In each window it is stopped as `steward stop` does it: every pod ends, volumes and settings stay; afterwards it runs again. ' +
    'The agent does that by itself, by the clock of its own API server, so the hub may be away. Customers are asked once, when the schedule is set ' +
    '(their policy class is scale); a freeze or a deny that comes later holds it. ' +
    '`steward start` in a window runs it until that window ends. One that was stopped by hand stays stopped. ' +
    'An upgrade in a window changes what will run and starts nothing. Said again it replaces the schedule; --off takes it away, and starts what it has stopped.',
  examples: [
    'steward schedule shop --stop "mon-fri 20:00-06:00" --stop "sat,sun 00:00-24:00" --time-zone Europe/Berlin',
    'steward schedule shop --stop "daily 22:00-05:30" --time-zone UTC --reason "saves money" --watch',
    'steward schedule shop --off',
  ],
  options: (command) =>
    withChangeOptions(command)
      .option('--stop <window>', 'when it is stopped: DAYS FROM-TO; may be given several times', collect)
      .option('--time-zone <name>', 'by the clocks of which place: Europe/Berlin, UTC')
      .option('--off', 'without a schedule again'),
  run: runSchedule,
};
