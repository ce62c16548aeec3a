import type { ContainerSize } from '@steward/shared';
import { usageError } from '../cli-error.ts';
import type { ExitCode } from '../exit-codes.ts';
import { findInstallation } from '../installations/find-installation.ts';
import { loadRelease } from '../installations/knobs.ts';
import { offeredContainer, offersOf, wantedSize } from '../installations/resize-request.ts';
import type { CommandSpec, Invocation } from '../program/command.ts';
import { commonFields, pushOperation, withChangeOptions, type ChangeOptions } from './push-operation.ts';

interface ResizeOptions extends ChangeOptions, ContainerSize {
  default?: boolean;
}

async function runResize(invocation: Invocation<ResizeOptions>): Promise<ExitCode | void> {
  const { options, args } = invocation;
  const [wanted = '', which = ''] = args;
  const hub = await invocation.hub();
  const installation = await findInstallation(hub, wanted);
  const { resize: offers = [] } = offersOf(await loadRelease(hub, installation), installation);
  const { resources: kept = {} } = installation.runState ?? {};
  // A newer version may no longer offer what is to be given back.
  const container = options.default && which in kept ? which : offeredContainer(offers, which);
  const given = [options.cpuRequest, options.cpuLimit, options.memoryRequest, options.memoryLimit];
  if (options.default && given.some((amount) => amount !== undefined))
    throw usageError('--default gives the container back to the release, so no amount goes with it');
  return pushOperation(invocation, installation.id, {
    kind: 'resize',
    resources: { [container]: options.default ? null : wantedSize(options, container, offers) },
    ...commonFields(options, installation.generation),
  });
}

export const RESIZE: CommandSpec<ResizeOptions> = {
  usage: 'resize <installation> <container>',
  summary: 'give a container more or less CPU and memory, inside what the vendor offers',
  about:
    'A container is web/server or Deployment/web/server; the workload alone where one container of it is offered. A request is what a pod ' +
    'is promised, and where it finds room by; a limit is where it is slowed down (CPU) or ended (memory). What is not given stays as it is. ' +
    'Pods are replaced a few at a time, as in an upgrade, and when they do not come up it goes back. ' +
    'An upgrade, a rollback or a repair that comes later keeps it; --default gives the container back to the release. ' +
    '`steward installation show` lists what is offered. The policy class is scale.',
  examples: [
    'steward resize shop web --memory-request 512Mi --memory-limit 1Gi --watch',
    'steward resize shop StatefulSet/db/postgres --cpu-request 500m --reason "slow since Monday"',
    'steward resize shop web --default',
  ],
  options: (command) =>
    withChangeOptions(command)
      .option('--cpu-request <amount>', 'CPU promised: 250m (a quarter of a core), 1.5')
      .option('--cpu-limit <amount>', 'CPU at most')
      .option('--memory-request <amount>', 'memory promised: 256Mi, 1Gi')
      .option('--memory-limit <amount>', 'memory at most; over it the container is ended')
      .option('--default', 'as large as the release says, again'),
  run: runResize,
};
