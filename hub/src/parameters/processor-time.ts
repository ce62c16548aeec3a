import type { Worker } from 'node:worker_threads';

/** By the clock a machine that is busy with something else would refuse what is right; at this many times the limit it is over all the same. */
const MAX_SLOWDOWN = 10;
const LOOKS_PER_LIMIT = 10;

/**
 * Calls once the thread has taken more than this of the processor from now on.
 * @returns what ends the looking
 */
export function whenUsedUp(worker: Worker, limitMs: number, end: () => void): () => void {
  const startedMs = performance.now();
  let before: number | undefined;
  const look = async (): Promise<void> => {
    if (performance.now() - startedMs > limitMs * MAX_SLOWDOWN) return end();
    // Rejects when the thread has ended.
    const used = await worker.cpuUsage().catch(() => undefined);
    if (!used) return;
    const usedMs = (used.user + used.system) / 1_000;
    before ??= usedMs;
    if (usedMs - before > limitMs) end();
  };
  void look();
  const timer = setInterval(() => void look(), limitMs / LOOKS_PER_LIMIT);
  return () => clearInterval(timer);
}
