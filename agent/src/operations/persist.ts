import { setTimeout as delay } from 'node:timers/promises';
import { isKubeError, type KubeError } from '../kube/error.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** The API server needs a moment until a definition that was just changed counts. */
const UNDECLARED_RETRIES = 5;

/** An API server that has just started does not know all roles yet: some ten seconds of refusals are not believed. */
const UNKNOWN_ROLE_RETRIES = 7;

/** Some fifteen seconds. */
const LATE_RETRIES = 8;

export interface PersistOptions {
  /** How often any other refusal is tried again: one by a quota or an admission rule, of what was tried before. */
  forbiddenRetries?: number;
  /** The same for something that another object names and that was made a moment ago. */
  missingRetries?: number;
  /** How often it is tried again for a webhook that does not answer; for ever unless told. */
  webhookRetries?: number;
  /** True from when on such a webhook, or a server that answers with a fault of its own, is not waited for any more. */
  isLate?: () => boolean;
  /** How often a fault of the server is tried again all the same then: one that starts has some. */
  lateRetries?: number;
}

/**
 * Nothing is written yet, so a person is told rather than made to wait: what a quota or admission refuses mostly stays so, and
 * some six seconds are a webhook's own restart.
 */
export const TRIED = { forbiddenRetries: 2, webhookRetries: 6, lateRetries: 3 };

/**
 * Repeats a call to the API server while it fails in a way that passes by itself (restart, overload, time-out), with
 * growing delays. What it calls must be safe to repeat.
 * @throws the call's own error when it will not pass, or the signal's reason
 */
export async function persist<T>(
  call: () => Promise<T>,
  signal: AbortSignal,
  options: PersistOptions = {},
): Promise<T> {
  const mayPass = patience(options);
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error) || !mayPass(error)) throw error;
      const waitMs = Math.max(error.retryAfterMs ?? 0, delayMs * (0.5 + Math.random()));
      await delay(waitMs, undefined, { signal });
    }
  }
}

/** Counts what has been tried again, by the sort of refusal. */
function patience({
  forbiddenRetries = 0,
  missingRetries = 0,
  webhookRetries = Number.POSITIVE_INFINITY,
  isLate = () => false,
  lateRetries = LATE_RETRIES,
}: PersistOptions): (error: KubeError) => boolean {
  const left = {
    forbiddenRetries,
    missingRetries,
    webhookRetries,
    undeclaredRetries: UNDECLARED_RETRIES,
    unknownRoleRetries: UNKNOWN_ROLE_RETRIES,
    lateRetries,
  };
  const isLeft = (sort: keyof typeof left): boolean => (left[sort] -= 1) >= 0;
  return (error) => {
    if (error.silentWebhook !== undefined) return isLeft('webhookRetries') && !isLate();
    // One that is not reached at all is waited for: without it no end could be written either.
    if (error.isTransient) return error.status < 500 || !isLate() || isLeft('lateRetries');
    if (error.isUndeclared) return isLeft('undeclaredRetries');
    if (error.status === 403) return isLeft(lacksRole(error) ? 'unknownRoleRetries' : 'forbiddenRetries');
    return error.status === 404 && isLeft('missingRetries');
  };
}

/** By the authorizer, whose words these are; admission and quota refuse with the same status. */
function lacksRole({ message }: KubeError): boolean {
  return /\bforbidden: User "[^"]*" cannot /.test(message);
}
