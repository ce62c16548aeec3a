import { setTimeout as delay } from 'node:timers/promises';
import { isKubeError, type KubeError } from '../kube/error.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** The API server needs a moment until a definition that was just changed counts. */
const UNDECLARED_RETRIES = 5;

/** An API server that has just started does not know all roles yet: some ten seconds of refusals are not believed. */
const UNKNOWN_ROLE_RETRIES = 7;

export interface PersistOptions {
  /** How often any other refusal is tried again: one by a quota or an admission rule, of what was tried before. */
  forbiddenRetries?: number;
  /** The same for something that another object names and that was made a moment ago. */
  missingRetries?: number;
}

/**
 * Repeats a call to the API server while it fails in a way that passes by itself (restart, overload, time-out), with
 * growing delays. What it calls must be safe to repeat.
 * @throws the call's own error when it will not pass, or the signal's reason
 */
export async function persist<T>(
  call: () => Promise<T>,
  signal: AbortSignal,
  { forbiddenRetries = 0, missingRetries = 0 }: PersistOptions = {},
): Promise<T> {
  const limits: Record<Refusal, number> = {
    undeclared: UNDECLARED_RETRIES,
    missing: missingRetries,
    'without-role': UNKNOWN_ROLE_RETRIES,
    forbidden: forbiddenRetries,
  };
  const counts = new Map<Refusal, number>();
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      const refusal = error.isTransient ? undefined : refusalOf(error);
      if (refusal) counts.set(refusal, (counts.get(refusal) ?? 0) + 1);
      const mayPass = error.isTransient || (refusal !== undefined && (counts.get(refusal) ?? 0) <= limits[refusal]);
      if (!mayPass) throw error;
      const waitMs = Math.max(error.retryAfterMs ?? 0, delayMs * (0.5 + Math.random()));
      await delay(waitMs, undefined, { signal });
    }
  }
}

type Refusal = 'undeclared' | 'missing' | 'without-role' | 'forbidden';

/** Which of the answers it is that may be another one in a moment. */
function refusalOf({ isUndeclared, status, message }: KubeError): Refusal | undefined {
  if (isUndeclared) return 'undeclared';
  if (status === 404) return 'missing';
  if (status !== 403) return undefined;
  // The authorizer's words; admission and quota refuse with the same status.
  return /\bforbidden: User "[^"]*" cannot /.test(message) ? 'without-role' : 'forbidden';
}
