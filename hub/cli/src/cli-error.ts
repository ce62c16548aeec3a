import { EXIT, exitCodeOf, type ExitCode } from './exit-codes.ts';
import type { Problem } from '@steward/shared';

/**
 * An end of the command that was foreseen. `message` says what happened and why, `action` what to do;
 * both are shown to the person, without a stack.
 */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly action: string | undefined;
  readonly problem: Problem | undefined;

  constructor(
    exitCode: ExitCode,
    message: string,
    options: { action?: string | undefined; cause?: unknown; problem?: Problem } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.action = options.action;
    this.problem = options.problem;
  }
}

/** The hub's refusal, in the hub's words. */
export function problemError(problem: Problem): CliError {
  const request = problem.status >= 500 && problem.requestId ? ` (request ${problem.requestId})` : '';
  return new CliError(exitCodeOf(problem), `${problem.title}: ${problem.detail}${request}`, {
    action: problem.action,
    problem,
  });
}

export function usageError(message: string, action?: string): CliError {
  return new CliError(EXIT.usage, message, { action });
}

/** What an error says, for use inside a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
