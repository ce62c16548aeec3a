import type { PersistOptions } from '../../operations/persist.ts';

/** By when a step has to be through: Unix milliseconds by {@link Until.now}. */
export interface Until {
  deadlineMs: number;
  now: () => Date;
}

/** A webhook, or a server that answers with a fault of its own, is waited for until the deadline. */
export function patience({ now, deadlineMs }: Until): PersistOptions {
  return { isLate: () => now().getTime() > deadlineMs };
}

/** Also a refusal is not believed at once: what is refused now went well a moment ago. */
export function granted(until: Until): PersistOptions {
  return { ...patience(until), forbiddenRetries: 5 };
}
