import { MAX_CPU_PERCENT, MAX_REPLICAS, problemOfAutoscale, type Autoscale } from '@steward/shared';
import { InvalidArgumentError } from 'commander';
import { usageError } from '../cli-error.ts';
import type { ExitCode } from '../exit-codes.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { loadRelease } from '../installations/knobs.ts';
import { offersOf } from '../installations/resize-request.ts';
import { scalableName } from '../installations/scale-request.ts';
import type { CommandSpec, Invocation } from '../program/command.ts';
import { commonFields, pushOperation, withChangeOptions, type ChangeOptions } from './push-operation.ts';

interface AutoscaleOptions extends ChangeOptions {
  min?: number;
  max?: number;
  cpu?: number;
  off?: boolean;
}

const DEFAULT_CPU_PERCENT = 70;

async function runAutoscale(invocation: Invocation<AutoscaleOptions>): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const [wanted = '', which = ''] = args;
  const hub = await invocation.hub();
  const installation = await findInstallation(hub, wanted);
  const workload = scalableName(installation, which);
  const bounds = boundsOf(options, installation.runState?.autoscale?.[workload]);
  if (bounds) {
    const problem = problemOfAutoscale(workload, bounds, offersOf(await loadRelease(hub, installation), installation));
    if (problem !== undefined) throw usageError(problem);
  }
  return pushOperation(invocation, installation.id, {
    kind: 'autoscale',
    autoscale: { [workload]: bounds },
    ...commonFields(options, installation.generation),
  });
}

/** What is not given stays as it is; null: off. @throws CliError */
function boundsOf({ min, max, cpu, off }: AutoscaleOptions, before: Autoscale | undefined): Autoscale | null {
  const isGiven = [min, max, cpu].some((value) => value !== undefined);
  if (off && isGiven) throw usageError('--off ends it, so no bounds go with it');
  if (off) return null;
  const [minimum, maximum] = [min ?? before?.minimum, max ?? before?.maximum];
  if (!isGiven || minimum === undefined || maximum === undefined)
    throw usageError('between how many pods?', 'Give --min and --max (and --cpu), or --off.');
  return { minimum, maximum, cpuPercent: cpu ?? before?.cpuPercent ?? DEFAULT_CPU_PERCENT };
}

function numberUpTo(limit: number): (text: string) => number {
  return (text) => {
    if (/^[1-9][0-9]{0,3}$/.test(text) && Number(text) <= limit) return Number(text);
    throw new InvalidArgumentError(`give a whole number from 1 to ${limit}`);
  };
}

export const AUTOSCALE: CommandSpec<AutoscaleOptions> = {
  usage: 'autoscale <installation> <workload>',
  summary: 'let the cluster choose the number of pods by their CPU, inside what the vendor offers',
  about:
    'Makes a HorizontalPodAutoscaler for a Deployment or StatefulSet: more pods when they use more CPU than --cpu percent of what they request ' +
    '(a pod that may use two cores and requests one can be at 200 %), fewer when they use less, between --min and --max. ' +
    "From then on the count is the autoscaler's: no upgrade or repair sets it, and `steward scale` is refused. It needs a CPU request on each container " +
    '(`steward resize`) and metrics in the cluster (metrics-server); without them the count stays what it is, inside the bounds. ' +
    'Said again it changes the bounds that are given. --off removes the autoscaler, and the count is again what the release or an earlier `steward scale` says. ' +
    'While an installation is stopped it rests. `steward installation show` lists what is offered. The policy class is scale.',
  examples: [
    'steward autoscale shop web --min 2 --max 10 --watch',
    'steward autoscale shop Deployment/web --max 20 --cpu 60 --reason "campaign"',
    'steward autoscale shop web --off',
  ],
  options: (command) =>
    withChangeOptions(command)
      .option('--min <pods>', 'never fewer', numberUpTo(MAX_REPLICAS))
      .option('--max <pods>', 'never more', numberUpTo(MAX_REPLICAS))
      .option(
        '--cpu <percent>',
        `CPU to aim at, in percent of the request (default: ${DEFAULT_CPU_PERCENT})`,
        numberUpTo(MAX_CPU_PERCENT),
      )
      .option('--off', 'give the count back'),
  run: runAutoscale,
};
