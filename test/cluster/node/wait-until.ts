import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  intervalMs?: number;
}

/**
 * Asks `isSo` until it is true; what it throws counts as "not yet" and is named when time is up. `what` completes the
 * sentence "waited 30 s for …".
 */
export async function waitUntil(what: string, isSo: () => Promise<boolean>, options: WaitOptions): Promise<void> {
  const deadline = Date.now() + options.timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    options.signal?.throwIfAborted();
    try {
      if (await isSo()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(options.intervalMs ?? 50, undefined, { signal: options.signal });
  }
  const reason = last instanceof Error ? `: ${last.message}` : '';
  throw new Error(`waited ${options.timeoutMs / 1000} s for ${what}${reason}`, { cause: last });
}
