import type { OperationFailure } from '@steward/shared';

/** Why something was not done: for programs, and in a sentence for people that says what to do. */
export interface Failure {
  reason: OperationFailure;
  message: string;
}

/** Expected ends of a step are values; what is thrown is a bug or a lost connection. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; failure: Failure };

export function done<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

/** The first of them that failed, if one did. */
export function allOf(outcomes: readonly Outcome<unknown>[]): Outcome<void> {
  return outcomes.find((outcome) => !outcome.ok) ?? done(undefined);
}

export function failed(reason: OperationFailure, message: string): { ok: false; failure: Failure } {
  return { ok: false, failure: { reason, message } };
}
