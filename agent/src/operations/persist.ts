import { setTimeout as delay } from 'node:timers/promises';
import { isKubeError, type KubeError } from '../kube/error.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/** An API server that has just started does not know all roles yet: some ten seconds of refusals are not believed. */
const UNKNOWN_ROLE_RETRIES = 7;

export interface PersistOptions {
  /** How often any other refusal is tried again: one by a quota or an admission rule, of what was tried before. */
  forbiddenRetries?: number;
}

/**
 * Repeats a call to the API server while it fails in a way that passes by itself (restart, overload, time-out), with
 * growing delays. What it calls must be safe to repeat.
 * @throws the call's own error when it will not pass, or the signal's reason
 */
export async function persist<T>(
  call: () => Promise<T>,
  signal: AbortSignal,
  { forbiddenRetries = 0 }: PersistOptions = {},
): Promise<T> {
  let forbidden = 0;
  let withoutRole = 0;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      const mayPass =
        error.isTransient ||
        (lacksRole(error)
          ? (withoutRole += 1) <= UNKNOWN_ROLE_RETRIES
          : error.status === 403 && (forbidden += 1) <= forbiddenRetries);
      if (!mayPass) throw error;
      const waitMs = Math.max(error.retryAfterMs ?? 0, delayMs * (0.5 + Math.random()));
      await delay(waitMs, undefined, { signal });
    }
  }
}

/** By the authorizer, whose words these are; admission and quota refuse with the same status. */
function lacksRole({ status, message }: KubeError): boolean {
  return status === 403 && /\bforbidden: User "[^"]*" cannot /.test(message);
}
