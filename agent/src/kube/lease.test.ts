import { eventually } from '../testing/eventually.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLog } from '../log.ts';
import { FakeApiServer } from '../testing/fake-api-server.ts';
import { Election } from './lease.ts';

const path = '/apis/coordination.k8s.io/v1/namespaces/ns/leases/steward-agent';
const server = new FakeApiServer();
let stop = new AbortController();

beforeEach(async () => {
  await server.start();
  server.delete(path);
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  server.intercept = () => undefined;
  await server.stop();
});

function election(holder: string, durationSeconds = 1): Election {
  return new Election({
    kube: server.client(),
    namespace: 'ns',
    name: 'steward-agent',
    holder,
    log: createLog({ write: () => {} }),
    timings: { durationSeconds, renewMs: 20, retryMs: 20 },
  });
}
const holder = (): unknown =>
  (server.object(path)?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;

it('lets one of two in, and the other when the first gives it back', async () => {
  const first = election('pod-1');
  const giveBack = new AbortController();
  expect(await first.acquire(stop.signal)).toBe(true);
  const holding = first.hold(giveBack.signal);
  let isSecondIn = false;
  const second = election('pod-2')
    .acquire(stop.signal)
    .then((isIn) => (isSecondIn = isIn));
  await eventually(() => expect(server.seen.length).toBeGreaterThan(10));
  expect([isSecondIn, holder()]).toEqual([false, 'pod-1']);
  giveBack.abort();
  expect(await holding).toBe(false);
  expect(await second).toBe(true);
  expect(holder()).toBe('pod-2');
});

it('gives a restarted container its own lease at once', async () => {
  await election('pod-1').acquire(stop.signal);
  const startedMs = performance.now();
  expect(await election('pod-1').acquire(stop.signal)).toBe(true);
  expect(performance.now() - startedMs).toBeLessThan(900);
});

it('takes the lease of a holder that is gone after its duration, not before', async () => {
  await election('pod-1').acquire(stop.signal);
  const startedMs = performance.now();
  expect(await election('pod-2').acquire(stop.signal)).toBe(true);
  expect(performance.now() - startedMs).toBeGreaterThan(1_000);
});

it('stays the holder while the API server is away, and notices when another took over', async () => {
  const first = election('pod-1');
  await first.acquire(stop.signal);
  let isLost = false;
  const holding = first.hold(stop.signal).then((lost) => (isLost = lost));
  let refused = 0;
  server.intercept = () => {
    refused += 1;
    return { status: 503, body: {} };
  };
  await eventually(() => expect(refused).toBeGreaterThan(3));
  expect(isLost).toBe(false);
  server.put(path, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'steward-agent', namespace: 'ns' },
    spec: { holderIdentity: 'pod-2', leaseDurationSeconds: 60 },
  });
  server.intercept = () => undefined;
  await holding;
  expect(isLost).toBe(true);
  await expect(first.confirm()).resolves.toBe(false);
});

it('lets nothing be changed after a pause in which another took over, and renews before a change after one in which nobody did', async () => {
  const first = election('pod-1', 2);
  const kube = server.client({ beforeChange: () => first.ensureHeld() });
  const change = () => kube.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata }, { fieldManager: 'one' });
  const metadata = { name: 'map', namespace: 'ns' };
  server.put('/api/v1/namespaces/ns/configmaps/map', { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  await first.acquire(stop.signal);
  const renewed = (): unknown => (server.object(path)?.['spec'] as { renewTime?: string } | undefined)?.renewTime;
  const before = renewed();
  await change();
  expect(renewed()).toBe(before);
  await eventually(async () => {
    await change();
    expect(renewed()).not.toBe(before);
  });
  const spec = { holderIdentity: 'pod-2', leaseDurationSeconds: 60 };
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
  server.put(path, { ...lease, metadata: { name: 'steward-agent', namespace: 'ns' }, spec });
  await eventually(() => expect(change()).rejects.toMatchObject({ reason: 'NotHolder' }));
});
