import { Operation, type CreateOperation } from '@steward/shared';
import type { Command } from 'commander';
import type { ExitCode } from '../exit-codes.ts';
import { apiPath } from '../hub-api/hub-client.ts';
import { operationTitle } from '../output/operation-title.ts';
import { parseDuration } from '../output/timeout.ts';
import type { Invocation } from '../program/command.ts';
import { followOperation } from './follow.ts';

/** Flags of every command that starts an operation. */
export interface ChangeOptions {
  reason?: string;
  watch?: boolean;
  timeout?: number;
  notAfter?: number;
}

export function withWatchOptions(command: Command): Command {
  return command
    .option('-w, --watch', 'follow it to its end; the exit code says how it went')
    .option('--timeout <time>', 'with --watch: give up after 90s, 10m, 2h (what was started goes on)', parseDuration);
}

export function withChangeOptions(command: Command): Command {
  return withWatchOptions(command)
    .option('--reason <text>', 'why; the customer sees it')
    .option(
      '--not-after <time>',
      'give up when it has not been started after 90s, 10m, 2h, 1d (default: 1d)',
      parseDuration,
    );
}

export function commonFields({ reason, notAfter }: ChangeOptions, expectedGeneration: number) {
  return {
    expectedGeneration,
    ...(reason === undefined ? {} : { reason }),
    ...(notAfter === undefined ? {} : { notAfterSeconds: Math.round(notAfter / 1000) }),
  };
}

/** Starts an operation, and with `--watch` follows it to its end. */
export async function pushOperation<O extends ChangeOptions>(
  invocation: Invocation<O>,
  installationId: string,
  body: CreateOperation,
): Promise<ExitCode | void> {
  const { terminal, options, output, note } = invocation;
  const hub = await invocation.hub();
  const operation = await hub.postOnce(Operation, apiPath`/installations/${installationId}/operations`, body);
  if (!options.watch) {
    output.outcome(operation, `${operationTitle(operation)} started: ${operation.id}`);
    note(`Follow it with: steward operations watch ${operation.id}`);
    return;
  }
  note(`${operationTitle(operation)}: ${operation.id}`);
  return followOperation(operation.id, { hub, terminal, output, note, timeoutMs: options.timeout });
}
