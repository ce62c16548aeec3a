import { hasEnded, findProcess } from './leftovers.ts';
import type { Layout } from './layout.ts';

/** Process 1 of a cluster ended by itself or was killed, and all of the cluster with it. */
export class ClusterEnded extends Error {
  override name = 'ClusterEnded';
}

const lookIntervalMs = 100;

/** Runs `task` while process 1 of the cluster lives; when that ends its signal aborts, and this rejects at once. */
export async function whileAlive<T>(
  layout: Layout,
  signal: AbortSignal | undefined,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const pid = await findProcess(layout.name);
  const ended = new ClusterEnded(`process 1 of cluster ${layout.name} ended: see ${layout.stateDir}/log/init.log`);
  if (pid === undefined) throw ended;
  const death = new AbortController();
  const { promise: died, reject } = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    void hasEnded(pid).then((hasDied) => {
      if (!hasDied) return;
      death.abort(ended);
      reject(ended);
    });
  }, lookIntervalMs);
  try {
    return await Promise.race([task(AbortSignal.any([death.signal, ...(signal ? [signal] : [])])), died]);
  } finally {
    clearInterval(timer);
  }
}
