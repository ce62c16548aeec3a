import { performance } from 'node:perf_hooks';
import type { Operation } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { BENCH_VERSIONS, withBenchStack, type BenchStack } from './bench-stack.ts';
import { percentile, progress, rounded, type Figures } from './figures.ts';

const TRIALS = 50;

/** From the request that pushes a parameter until a watch sees the changed object; then waits for the operation to end. */
async function trial(
  stack: BenchStack,
  installation: { id: string; namespace: string },
  mark: string,
): Promise<number> {
  const seen = Promise.withResolvers<number>();
  const path = `/api/v1/namespaces/${installation.namespace}/configmaps`;
  const { metadata } = await stack.kube.call<{ metadata: { resourceVersion: string } }>('GET', path);
  const end = stack.kube.watch(`${path}?resourceVersion=${metadata.resourceVersion}`, (object) => {
    if ((object['data'] as { mark?: string } | undefined)?.mark === mark) seen.resolve(performance.now());
  });
  const timer = setTimeout(() => seen.reject(new Error(`${mark} was not seen within 30 s`)), 30_000);
  try {
    const sentAt = performance.now();
    const { id } = await stack.push(installation.id, { parameters: { mark } });
    const latency = (await seen.promise) - sentAt;
    await waitUntil(async () => (await stack.fast.get<Operation>(`/operations/${id}`)).finishedAt, {
      what: 'the operation ends',
      timeoutMs: 60_000,
    });
    return latency;
  } finally {
    clearTimeout(timer);
    end();
  }
}

async function trials(
  stack: BenchStack,
  installation: { id: string; namespace: string },
  name: string,
): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; i < TRIALS; i += 1) latencies.push(await trial(stack, installation, `${name}-${i}`));
  progress(`${name}: p50 ${rounded(percentile(latencies, 0.5))} ms, p95 ${rounded(percentile(latencies, 0.95))} ms`);
  return latencies;
}

/** Keeps an installation in an upgrade that never gets ready, until told to stop. */
async function keepBusy(stack: BenchStack, id: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { id: operation } = await stack.push(id, { version: BENCH_VERSIONS.stuck });
    await waitUntil(
      async () => signal.aborted || (await stack.fast.get<Operation>(`/operations/${operation}`)).finishedAt,
      { what: 'the stuck upgrade ends', timeoutMs: 180_000, intervalMs: 250 },
    );
  }
}

export async function bench(): Promise<Figures> {
  return withBenchStack(async (stack) => {
    const [measured, other] = [await stack.install('measured', 'bench'), await stack.install('other', 'bench')];
    for (const { operation } of [measured, other]) await stack.finished(operation.id);
    await trial(stack, measured.installation, 'warm-up');
    const idle = await trials(stack, measured.installation, 'idle');
    const stop = new AbortController();
    const busyWork = keepBusy(stack, other.installation.id, stop.signal);
    const busy = await trials(stack, measured.installation, 'busy');
    stop.abort();
    await busyWork;
    return {
      idleP50Ms: rounded(percentile(idle, 0.5)),
      idleP95Ms: rounded(percentile(idle, 0.95)),
      busyP50Ms: rounded(percentile(busy, 0.5)),
      busyP95Ms: rounded(percentile(busy, 0.95)),
      trials: idle.length + busy.length,
    };
  });
}
