import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { kubeconfigEndpoint } from '../../agent/src/kube/transport/credentials.ts';
import { TEST_CLUSTER } from '../support/cluster-setup.ts';
import { differencesAfter } from '../support/kills/expectations.ts';
import { KubeGate } from '../support/kills/kube-gate.ts';
import type { Lane, Mortal } from '../support/kills/lane.ts';
import { openLanes, type OpenLanes } from '../support/kills/lanes-of-test.ts';
import { processesOfPod } from '../support/pod-process.ts';
import { waitUntil } from '../support/wait-until.ts';

let open: OpenLanes;
let lane: Lane;
beforeAll(async () => {
  open = await openLanes(1);
  const [first] = open.lanes;
  if (!first) throw new Error('there is no lane');
  lane = first;
});
afterAll(() => open?.close());

async function installed(name: string): Promise<Mortal> {
  const { mortal, operation } = await lane.install(name);
  await lane.ended(operation);
  await agreed({ stage: 'install', mortal, operation });
  return mortal;
}

/** Both sides agree, and each effect was made once. */
async function agreed(ended: Omit<Parameters<typeof differencesAfter>[0], 'lane'>): Promise<void> {
  const differences = (): Promise<string[]> => differencesAfter({ lane, ...ended });
  await expect.poll(differences, { timeout: 120_000, interval: 500 }).toEqual([]);
}

/** Calls when the journal of the lane's agent says so for the first time. */
function at(wanted: string, act: () => void): void {
  const off = lane.ledger.onJournal(({ namespace, phase }) => {
    if (namespace !== lane.agentNamespace || phase !== wanted) return;
    off();
    act();
  });
}

const said = (lines: readonly string[], words: string): Promise<unknown> =>
  waitUntil(() => lines.some((line) => line.includes(words)), { what: `"${words}" is said`, timeoutMs: 150_000 });

it('an agent that stood still while another went on changes nothing any more when it wakes up', async () => {
  const mortal = await installed('thawed');
  const gate = await KubeGate.open(kubeconfigEndpoint(inject('kubeconfig')));
  const twin = await lane.agent.twin(gate);
  try {
    // The answer is in its ears when it wakes up: it would apply the Deployment at once.
    const act = async (): Promise<boolean> => {
      lane.agent.signal('SIGSTOP');
      return true;
    };
    lane.kubeGate.gate.arm({ number: 1, of: `configmaps/${mortal.name}`, side: 'after', act, loses: false });
    const upgrade = await lane.push('upgrade', mortal);
    await said(twin.lines, 'this replica holds the lease');
    await lane.ended(upgrade);
    await agreed({ stage: 'upgrade', mortal, operation: upgrade });
    const rollback = await lane.push('rollback', mortal);
    await lane.ended(rollback);
    lane.kubeGate.gate.arm();
    const before = lane.agent.lines.length;
    lane.agent.signal('SIGCONT');
    await waitUntil(() => lane.agent.lines.slice(before).some((line) => line.includes('lost the lease')), {
      what: 'it finds out',
      timeoutMs: 60_000,
    });
    expect(lane.kubeGate.gate.passed).toEqual([]);
    const path = `/apis/apps/v1/namespaces/${mortal.namespace}/deployments/${mortal.name}`;
    const { metadata } = await lane.kube.call<{ metadata: { generation: number } }>('GET', path);
    expect(metadata.generation).toBe(3);
  } finally {
    lane.agent.signal('SIGCONT');
    await twin.close();
    await gate.close();
  }
});

it('a hub that stands still for longer than silence is borne hears afterwards what happened meanwhile', async () => {
  const mortal = await installed('patient');
  const before = lane.agent.lines.length;
  const hub = lane.stack.hub.process;
  at('apply', () => hub.kill('SIGSTOP'));
  const operation = await lane.push('upgrade', mortal);
  try {
    await waitUntil(() => lane.agent.lines.slice(before).some((line) => line.includes('not connected to the hub')), {
      what: 'the agent finds out',
      timeoutMs: 120_000,
    });
  } finally {
    hub.kill('SIGCONT');
  }
  await lane.ended(operation);
  await agreed({ stage: 'upgrade', mortal, operation });
});

it('an API server that stands still for longer than any answer takes holds an upgrade up, and no more', async () => {
  const mortal = await installed('held');
  const pids = await processesOfPod('', `/${TEST_CLUSTER}/bin/kube\0kube-apiserver`);
  expect(pids).not.toEqual([]);
  const all = (signal: NodeJS.Signals): void => pids.forEach((pid) => void process.kill(pid, signal));
  const stopped = Promise.withResolvers<void>();
  at('apply', () => {
    all('SIGSTOP');
    stopped.resolve();
  });
  const operation = await lane.push('upgrade', mortal);
  try {
    await stopped.promise;
    // A request is given up after 30 s.
    await delay(40_000);
  } finally {
    all('SIGCONT');
  }
  await lane.ended(operation);
  await agreed({ stage: 'upgrade', mortal, operation });
});

it('a database that stands still in the middle of a commit holds an upgrade up, and no more', async () => {
  const mortal = await installed('slow');
  const act = (): Promise<boolean> => delay(40_000, true);
  const operation = await lane.push('upgrade', mortal);
  lane.commitGate.gate.arm({ number: 3, side: 'after', act, loses: false });
  await lane.ended(operation);
  await agreed({ stage: 'upgrade', mortal, operation });
});
