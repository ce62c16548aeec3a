import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** Said when the time is over: what should have become true. */
  what: string;
  timeoutMs?: number;
  intervalMs?: number;
}

type Truthy<T> = Exclude<NonNullable<T>, false>;

/**
 * Asks until the answer is truthy, and gives it. An answer that throws counts as not yet.
 * @throws Error that names what was waited for, and the last reason
 */
export async function waitUntil<T>(ask: () => T | Promise<T>, options: WaitOptions): Promise<Truthy<T>> {
  const { what, timeoutMs = 10_000, intervalMs = 25 } = options;
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer as Truthy<T>;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(`not within ${timeoutMs} ms: ${what} (last: ${String(last)})`, { cause: last });
    await sleep(intervalMs);
  }
}
