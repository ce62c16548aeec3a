/** By the clock it may take so many times as long: a machine that is busy with something else refuses nothing that is right. */
const MAX_SLOWDOWN = 10;
const LOOKS_PER_LIMIT = 10;

/** A thread of its own, as `node:worker_threads` has it. Microseconds; rejects when it has not begun or has ended. */
export interface Thread {
  cpuUsage(): Promise<{ user: number; system: number }>;
}

/**
 * Calls once a thread has taken more than this of the processor from now on: so long what strangers wrote may be worked on.
 * @returns what ends the looking
 */
export function whenUsedUp(thread: Thread, limitMs: number, end: () => void): () => void {
  const startedMs = performance.now();
  let before: number | undefined;
  const look = async (): Promise<void> => {
    if (performance.now() - startedMs > limitMs * MAX_SLOWDOWN) return end();
    const used = await thread.cpuUsage().catch(() => undefined);
    if (!used) return;
    const usedMs = (used.user + used.system) / 1_000;
    before ??= usedMs;
    if (usedMs - before > limitMs) end();
  };
  void look();
  const timer = setInterval(() => void look(), limitMs / LOOKS_PER_LIMIT);
  return () => clearInterval(timer);
}
