import { vi } from 'vitest';

/** Asks until it does not throw any more, for as long as a busy machine may need, and gives its answer. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 10_000, interval: 10 });
}
