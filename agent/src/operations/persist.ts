import { setTimeout as delay } from 'node:timers/promises';
import { isKubeError } from '../kube/error.ts';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** The API server needs a moment until a definition that was just changed counts. */
const UNDECLARED_RETRIES = 5;

export interface PersistOptions {
  /**
   * How often a refusal for lack of rights is tried again: one that was checked before. An API server that has just
   * started may not know all roles yet.
   */
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
  let forbidden = 0;
  let missing = 0;
  let undeclared = 0;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, MAX_DELAY_MS)) {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      const mayPass =
        error.isTransient ||
        (error.isUndeclared && (undeclared += 1) <= UNDECLARED_RETRIES) ||
        (error.status === 403 && (forbidden += 1) <= forbiddenRetries) ||
        (error.status === 404 && (missing += 1) <= missingRetries);
      if (!mayPass) throw error;
      const waitMs = Math.max(error.retryAfterMs ?? 0, delayMs * (0.5 + Math.random()));
      await delay(waitMs, undefined, { signal });
    }
  }
}
