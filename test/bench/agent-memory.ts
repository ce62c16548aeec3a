import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesOfPod } from '../support/pod-process.ts';
import { withBenchStack, type BenchStack } from './bench-stack.ts';
import { progress, rounded, type Figures } from './figures.ts';

const INSTALLATIONS = 10;
const WORKLOADS_EACH = 10;
const PODS_EACH = 50;
const EVENTS = 20_000;
const TICKS_PER_SECOND = 100;

interface Memory {
  rssMiB: number;
  anonMiB: number;
  cpuMs: number;
}

async function memoryOf(pid: number): Promise<Memory> {
  const [rollup, stat] = await Promise.all([
    readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
    readFile(`/proc/${pid}/stat`, 'utf8'),
  ]);
  const kiB = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? Number.NaN);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  return {
    rssMiB: rounded(kiB('Rss') / 1024),
    anonMiB: rounded(kiB('Anonymous') / 1024),
    cpuMs: (ticks / TICKS_PER_SECOND) * 1000,
  };
}

async function agentPid(stack: BenchStack): Promise<number> {
  const { items } = await stack.kube.call<{ items: { metadata: { uid: string } }[] }>(
    'GET',
    `/api/v1/namespaces/${stack.agentNamespace}/pods`,
  );
  for (const { metadata } of items) {
    const [pid] = await processesOfPod(metadata.uid, '/app/agent.js');
    if (pid !== undefined) return pid;
  }
  throw new Error('there is no agent process');
}

/** Workloads without pods, and pods that no scheduler takes: objects of real size that cost this machine nothing to run. */
async function fill(stack: BenchStack, namespace: string): Promise<void> {
  const labels = { app: 'filler' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'steward.test/probe:1' }] } };
  for (let i = 0; i < WORKLOADS_EACH - 1; i += 1)
    await stack.kube.call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
      metadata: { name: `filler-${i}` },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    });
  for (let i = 0; i < PODS_EACH - 1; i += 1)
    await stack.kube.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name: `filler-${i}`, labels },
      spec: { ...template.spec, schedulerName: 'nobody' },
    });
}

async function makeEvents(stack: BenchStack, namespaces: readonly string[]): Promise<void> {
  const merge = 'application/merge-patch+json';
  for (let sent = 0; sent < EVENTS;) {
    const round = namespaces.flatMap((namespace) =>
      Array.from({ length: PODS_EACH - 1 }, (_, i) => `/api/v1/namespaces/${namespace}/pods/filler-${i}`),
    );
    for (let at = 0; at < round.length && sent < EVENTS; at += 20) {
      const batch = round.slice(at, at + 20);
      sent += batch.length;
      await Promise.all(
        batch.map((path) =>
          stack.kube.call('PATCH', path, { metadata: { annotations: { mark: String(sent) } } }, merge),
        ),
      );
    }
  }
}

export async function bench(): Promise<Figures> {
  return withBenchStack(async (stack) => {
    const namespaces: string[] = [];
    for (let i = 0; i < INSTALLATIONS; i += 1) {
      const { installation, operation } = await stack.install(`many-${i}`, 'bench');
      await stack.finished(operation.id);
      await fill(stack, installation.namespace);
      namespaces.push(installation.namespace);
      progress(`${installation.name} is full`);
    }
    await sleep(60_000);
    const pid = await agentPid(stack);
    const idle = await memoryOf(pid);
    progress(`idle: ${JSON.stringify(idle)}; now a minute without events …`);
    await sleep(60_000);
    const before = await memoryOf(pid);
    await makeEvents(stack, namespaces);
    await sleep(5_000);
    const after = await memoryOf(pid);
    const peak = Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;
    return {
      idleRssMiB: idle.rssMiB,
      idleAnonMiB: idle.anonMiB,
      afterEventsRssMiB: after.rssMiB,
      afterEventsAnonMiB: after.anonMiB,
      peakRssMiB: rounded(peak),
      cpuMsPerEvent: rounded((after.cpuMs - before.cpuMs) / EVENTS, 3),
      idleCpuPercent: rounded((before.cpuMs - idle.cpuMs) / 600, 2),
    };
  });
}
