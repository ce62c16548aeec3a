import { join } from 'node:path';
import { fieldAt, type InstallationEvent, type Operation } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { KubeClient } from '../../agent/src/kube/client.ts';
import { kubeconfigEndpoint } from '../../agent/src/kube/transport/credentials.ts';
import { createKubeClient } from '../../agent/src/kube/kube-api.ts';
import type { ClusterHandle } from '../cluster/cluster.ts';
import { removeMetricsServer, startMetricsServer } from '../cluster/metrics-server.ts';
import { testCluster } from '../support/cluster-setup.ts';
import { startCpuLoad } from '../support/cpu-load.ts';
import { outsideAddress } from '../support/outside-address.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const BUSY = join(import.meta.dirname, '../charts/busy');
const DEPLOYMENT = { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true };

let cluster: ClusterHandle;
let stack: Stack;
let namespace: string;
const watching = new AbortController();
let admin: KubeClient;
/** Every count that the workload was ever to have, and how many of its pods were ready then. */
const counts: { wanted: unknown; ready: unknown }[] = [];

beforeAll(async () => {
  cluster = await testCluster();
  await startMetricsServer(cluster, console.error);
  stack = await startStackHere();
  namespace = `${stack.organization}-busy`;
  const { one, two } = inject('probeImages');
  await stack.publish(BUSY, { version: '1.0.0', images: [one], args: ['--channel', 'stable'] });
  await stack.publish(BUSY, { version: '1.1.0', images: [two], args: ['--set', 'image=steward.test/probe:2'] });
  await stack.enrol();
  await stack.policy({ upgrade: 'allow', rollback: 'allow', scale: 'allow' });
  const { operation } = await stack.install('busy', 'busy');
  expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
  admin = createKubeClient(kubeconfigEndpoint(inject('kubeconfig')));
  admin.watch({
    ref: DEPLOYMENT,
    namespace,
    project: (object) => {
      counts.push({
        wanted: fieldAt(object, ['spec', 'replicas']),
        ready: fieldAt(object, ['status', 'readyReplicas']),
      });
      return true;
    },
    onChange: () => {},
    signal: watching.signal,
  });
});
afterAll(async () => {
  watching.abort();
  admin?.close();
  await stack?.stop();
  if (cluster) await removeMetricsServer(cluster);
});

const count = (wanted: number): Promise<unknown> =>
  waitUntil(() => counts.at(-1)?.wanted === wanted && counts.at(-1)?.ready === wanted, {
    what: `${wanted} pods; so far ${JSON.stringify(counts)}`,
    timeoutMs: 240_000,
  });

it('what is under load gets more pods, keeps them over an upgrade, and has fewer when the load is over; nothing is put right', async () => {
  const { id } = await stack.installation('busy');
  const measured = ['get', '--raw', `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`];
  await waitUntil(async () => (await stack.kubectl(measured)).includes('"cpu"'), {
    what: 'its pod to be measured',
    timeoutMs: 120_000,
    intervalMs: 500,
  });
  const bounds = ['--min', '1', '--max', '3', '--cpu', '50'];
  const { code, stdout, stderr } = await stack.steward('autoscale', 'busy', 'busy', ...bounds, '--watch');
  expect({ code, said: stdout + stderr }).toMatchObject({
    code: 0,
    said: expect.not.stringContaining('cannot measure'),
  });
  const address = await outsideAddress(stack, cluster.nodeAddress, { namespace, service: 'busy', port: 8080 });
  const load = startCpuLoad(address);
  try {
    await count(3);
    const before = counts.length;
    const upgrade = { kind: 'upgrade', version: '1.1.0' };
    const { id: operation } = await stack.api.post<Operation>(`/installations/${id}/operations`, upgrade);
    expect(await stack.finished(operation)).toMatchObject({ state: 'succeeded' });
    // The count of the release is one; the cluster itself goes there only when the load has been gone for half a minute.
    expect(counts.length).toBeGreaterThan(before);
    expect(counts.slice(before).map(({ wanted }) => wanted)).not.toContain(1);
  } finally {
    await load.stop();
  }
  expect(await stack.installation('busy')).toMatchObject({ runningVersion: '1.1.0' });
  await count(1);
  const { items } = await stack.api.get<{ items: InstallationEvent[] }>(`/installations/${id}/events`);
  expect(items.filter(({ kind }) => kind.startsWith('drift.'))).toEqual([]);
});
