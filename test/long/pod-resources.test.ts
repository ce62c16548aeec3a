import { join } from 'node:path';
import type { LatestMetrics } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { ClusterHandle } from '../cluster/cluster.ts';
import { removeMetricsServer, startMetricsServer } from '../cluster/metrics-server.ts';
import { testCluster } from '../support/cluster-setup.ts';
import { startCpuLoad } from '../support/cpu-load.ts';
import { outsideAddress } from '../support/outside-address.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const BUSY = join(import.meta.dirname, '../charts/busy');
const MIB = 1024 * 1024;
const EATEN = 64 * MIB;

let cluster: ClusterHandle;
let stack: Stack;
let namespace: string;

beforeAll(async () => {
  cluster = await testCluster();
  const measuring = startMetricsServer(cluster, console.error);
  // Awaited below: until then its failure is nobody's.
  measuring.catch(() => undefined);
  stack = await startStackHere();
  namespace = `${stack.organization}-busy`;
  await stack.publish(BUSY, { images: [inject('probeImages').one], args: ['--channel', 'stable'] });
  await stack.enrol();
  await measuring;
  const { operation } = await stack.install('busy', 'busy');
  expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
});
afterAll(async () => {
  await stack?.stop();
  if (cluster) await removeMetricsServer(cluster);
});

/** One figure of the service's pod, as the kubelet itself has it, and when it was measured. */
async function kubelet(metric: string): Promise<{ value: number; atMs: number }> {
  const nodes = await stack.kubectl(['get', '--raw', `/api/v1/nodes/steward-${cluster.name}/proxy/metrics/resource`]);
  const line = new RegExp(`^${metric}\\{namespace="${namespace}",pod="[^"]+"\\} (\\S+) (\\d+)$`, 'm').exec(nodes);
  if (!line) throw new Error(`the kubelet has no ${metric} of ${namespace}`);
  return { value: Number(line[1]), atMs: Number(line[2]) };
}

it('the agent has CPU and memory of the pods from the metrics API of the cluster, in cores and bytes', async () => {
  const address = await outsideAddress(stack, cluster.nodeAddress, { namespace, service: 'busy', port: 8080 });
  const eat = async (): Promise<boolean> =>
    (await fetch(`http://${address}/eat?mib=${EATEN / MIB}`, { method: 'POST' })).ok;
  await waitUntil(eat, { what: 'the new port to be routed', timeoutMs: 30_000, intervalMs: 100 });
  const before = await waitUntil(() => kubelet('pod_cpu_usage_seconds_total'), {
    what: 'the kubelet to measure it',
    timeoutMs: 60_000,
    intervalMs: 500,
  });
  const load = startCpuLoad(address);
  try {
    const { cores, bytes } = await waitUntil(told, {
      what: 'steward metrics to show a busy pod',
      timeoutMs: 120_000,
      intervalMs: 500,
    });
    const after = await kubelet('pod_cpu_usage_seconds_total');
    const rate = (after.value - before.value) / ((after.atMs - before.atMs) / 1_000);
    // Not of the same seconds; but a wrong unit is a thousand times off.
    expect(Math.abs(Math.log10(cores / rate)), `${cores} cores, ${rate} by the kubelet`).toBeLessThan(1.5);
    const { value: workingSet } = await kubelet('pod_memory_working_set_bytes');
    expect(Math.abs(bytes / workingSet - 1), `${bytes} bytes, ${workingSet} by the kubelet`).toBeLessThan(0.25);
  } finally {
    await load.stop();
  }
  expect(await stack.installation('busy')).toMatchObject({ health: 'healthy', reasons: [] });
});

/** What is told of a pod that has eaten and does more than answer its probe. */
async function told(): Promise<{ cores: number; bytes: number } | undefined> {
  const { series } = JSON.parse(await stack.mustSteward('metrics', 'busy', '--output', 'json')) as LatestMetrics;
  const of = (wanted: string): number => series.find(({ name }) => name === wanted)?.value ?? 0;
  const [cores, bytes] = [of('pod_cpu_cores'), of('pod_memory_bytes')];
  return cores > 0.05 && bytes > EATEN ? { cores, bytes } : undefined;
}
