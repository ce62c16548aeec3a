import { CreatedInstallation, type Cluster, type CreateInstallation, type Installation } from '@steward/shared';
import type { ExitCode } from '../exit-codes.ts';
import { followOperation } from '../operations/follow.ts';
import type { Invocation } from '../program/command.ts';
import { printable } from '../terminal/terminal.ts';
import { changedParameters, type ParameterOptions } from './parameters.ts';
import { releaseChoice, type ReleaseChoice } from './release-choice.ts';

/** Flags of every command that makes an installation. */
export interface CreateOptions extends ParameterOptions, ReleaseChoice {
  namespace?: string;
  watch?: boolean;
  timeout?: number;
}

export interface NewInstallation {
  cluster: Cluster;
  name: string;
  service: string;
  adopt?: CreateInstallation['adopt'];
  /** What it is, and what the line of the grant that follows is for. */
  words: (installation: Installation) => readonly string[];
}

/** Asks the hub for it, prints the line that gives the agent its rights, and with `--watch` follows it to its end. */
export async function createInstallation<O extends CreateOptions>(
  invocation: Invocation<O>,
  { cluster, name, service, adopt, words }: NewInstallation,
): Promise<ExitCode | void> {
  const { terminal, options, output, note } = invocation;
  const { namespace } = options;
  const hub = await invocation.hub();
  const parameters = await changedParameters({}, options, terminal.cwd);
  const created = await hub.postOnce(CreatedInstallation, '/installations', {
    name,
    service,
    cluster: cluster.name,
    customer: cluster.customer,
    ...(namespace === undefined ? {} : { namespace }),
    ...releaseChoice(options),
    ...(parameters === undefined ? {} : { parameters }),
    ...(adopt === undefined ? {} : { adopt }),
  });
  if (!output.isTable && !options.watch) return output.data(created);
  for (const line of words(created.installation)) note(line);
  if (output.isTable) output.lines([printable(created.grantCommand)]);
  else output.item(created);
  if (options.watch)
    return followOperation(created.operation.id, { hub, terminal, output, note, timeoutMs: options.timeout });
  note(`Follow it with: steward operations watch ${created.operation.id}`);
}
