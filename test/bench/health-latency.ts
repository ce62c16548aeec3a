import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Installation } from '@steward/shared';
import { openFeed } from '../support/feed.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { WatchedObject } from '../support/kube-connection.ts';
import { withBenchStack, type BenchStack } from './bench-stack.ts';
import { percentile, progress, rounded, type Figures } from './figures.ts';

const TRIALS = 30;
/** Outages of one second, of which none may be missed. */
const SHORT_TRIALS = 5;

function isReady(pod: WatchedObject): boolean {
  const { conditions = [] } = (pod['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

interface Seen {
  at: number;
  isUp: boolean;
}

/** Turns readiness of the one pod off and on; compares when a watch saw it with when the feed told it. */
async function measure(
  stack: BenchStack,
  installation: { id: string; namespace: string },
): Promise<{ latencies: number[]; missed: number; trials: number }> {
  const pods = `/api/v1/namespaces/${installation.namespace}/pods`;
  const list = await stack.kube.call<{ metadata: { resourceVersion: string }; items: WatchedObject[] }>('GET', pods);
  const [pod] = list.items;
  if (!pod) throw new Error('the bench pod is not there');
  const inCluster: Seen[] = [];
  const onFeed: Seen[] = [];
  const endWatch = stack.kube.watch(`${pods}?resourceVersion=${list.metadata.resourceVersion}`, (object) => {
    const isUp = isReady(object);
    if (inCluster.at(-1)?.isUp !== isUp) inCluster.push({ at: performance.now(), isUp });
  });
  const feed = await openFeed(stack.fast);
  feed.onMessage(({ type, data }) => {
    if (type !== 'installation.changed') return;
    const { id, health } = data as Installation;
    const isUp = health === 'healthy';
    if (id === installation.id && onFeed.at(-1)?.isUp !== isUp) onFeed.push({ at: performance.now(), isUp });
  });
  const setReady = (isUp: boolean): Promise<unknown> =>
    stack.kube.call('POST', `${pods}/${pod.metadata.name}:8080/proxy/ready?value=${isUp}`);
  const flip = async (isUp: boolean): Promise<void> => {
    const before = inCluster.length;
    await setReady(isUp);
    await waitUntil(() => inCluster.length > before, {
      what: 'the API server shows it',
      timeoutMs: 15_000,
      intervalMs: 5,
    });
  };
  for (let i = 0; i < TRIALS / 2; i += 1) {
    await flip(false);
    await sleep(150);
    await flip(true);
    await sleep(150);
  }
  for (let i = 0; i < SHORT_TRIALS; i += 1) {
    await flip(false);
    await sleep(1_000);
    await flip(true);
  }
  await waitUntil(() => onFeed.length >= inCluster.length, { what: 'the feed told all', timeoutMs: 5_000 }).catch(
    () => undefined,
  );
  endWatch();
  await feed.close();
  const latencies = inCluster.slice(0, onFeed.length).map((seen, index) => (onFeed[index]?.at ?? Number.NaN) - seen.at);
  return { latencies, missed: inCluster.length - onFeed.length, trials: inCluster.length };
}

export async function bench(): Promise<Figures> {
  return withBenchStack(async (stack) => {
    const { installation, operation } = await stack.install('measured', 'bench');
    await stack.finished(operation.id);
    await waitUntil(async () => (await stack.installation('measured')).health === 'healthy', {
      what: 'healthy',
      timeoutMs: 30_000,
    });
    const { latencies, missed, trials } = await measure(stack, installation);
    progress(`${trials} changes of readiness, ${missed} missed`);
    return { p50Ms: rounded(percentile(latencies, 0.5)), p95Ms: rounded(percentile(latencies, 0.95)), missed, trials };
  });
}
