import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Link, LinkPeer, ResultRecord } from '../link/link.ts';
import { createLog } from '../log.ts';
import { FIRST_PUSH } from '../testing/desired-state.ts';
import { FakeApiServer, status } from '../testing/fake-api-server.ts';
import { startReconcile } from './reconciler.ts';

const api = '/apis/steward.dev/v1alpha1/namespaces/ns';
const desired = { ...FIRST_PUSH, generation: 2 };

let server: FakeApiServer;
let sent: ResultRecord[];
let peer: LinkPeer | undefined;
let reconciler: Awaited<ReturnType<typeof startReconcile>>;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  const kept = { apiVersion: 'steward.dev/v1alpha1', metadata: { name: 'shop', namespace: 'ns' } };
  const { installationId: id, service, namespace } = desired;
  const spec = { id, service, namespace };
  server.put(`${api}/installations/shop`, { ...kept, kind: 'Installation', spec, status: { generation: 1 } });
  server.put(`${api}/supportpolicies/shop`, { ...kept, kind: 'SupportPolicy', spec: { rules: { install: 'deny' } } });
  // Nothing that is watched is seen: only what is pushed begins anything.
  server.intercept = ({ query }) => (query.get('watch') === 'true' ? 'hang' : undefined);
  sent = [];
  reconciler = await start();
});
afterEach(async () => {
  await reconciler.stop();
  await server.stop();
});

function start(): ReturnType<typeof startReconcile> {
  const link = {
    attach: (attached: LinkPeer) => void (peer = attached),
    sendResult: (result: ResultRecord) => void sent.push(result),
    reportHealth: () => {},
    reportObserved: () => {},
  };
  return startReconcile({
    kube: server.client(),
    link: link as unknown as Link,
    config: {
      namespace: 'ns',
      organization: 'acme',
      releaseKeys: [],
      fieldManager: 'steward',
      helmPath: 'none',
      tmpDir: '/nowhere',
      proxyEnv: {},
    },
    log: createLog({ write: () => {} }),
    signal: new AbortController().signal,
    driftTimings: { startSpreadMs: 3_600_000 },
  });
}

async function isDenied(): Promise<void> {
  await vi.waitFor(() => expect(sent.at(-1)).toMatchObject({ state: 'denied' }), { timeout: 10_000 });
}

it('carries out a push to an installation that somebody deleted', async () => {
  server.delete(`${api}/installations/shop`);
  peer?.onDesired(desired, { traceparent: undefined });
  await isDenied();
});

it.each([1, 2])('carries out what it has written down and could not take in, offered %i times', async (times) => {
  let refusals = 1;
  server.intercept = ({ method, path, query }) => {
    if (query.get('watch') === 'true') return 'hang';
    const isAccepting = method === 'PATCH' && path.includes('/installations/');
    return isAccepting && refusals-- > 0 ? status(403, 'Forbidden') : undefined;
  };
  for (let time = 0; time < times; time += 1) peer?.onDesired(desired, { traceparent: undefined });
  await isDenied();
});

it.each([
  ['its object is removed and before it is made anew', 'POST', '/installations'],
  ['it is made anew and before its status is written', 'PATCH', '/installations/shop/status'],
])('knows ids of removed installations whose name is taken, when it is killed after %s', async (_when, at, end) => {
  const [older, old, id] = ['8', '9', 'a'].map((digit) => desired.installationId.replace(/^./, digit)) as [
    string,
    string,
    string,
  ];
  await reconciler.stop();
  const removed = server.object(`${api}/installations/shop`);
  if (!removed) throw new Error('it is there');
  const status = { generation: 5, observedGeneration: 5, state: 'removed', formerIds: [older] };
  server.put(`${api}/installations/shop`, { ...removed, spec: { ...desired, id: old }, status });
  const watchless = server.intercept;
  let isKilled = false;
  server.intercept = (request) => {
    isKilled ||= request.method === at && request.path.endsWith(end);
    return isKilled ? 'hang' : watchless(request);
  };
  reconciler = await start();
  const pushed = { ...desired, installationId: id, generation: 1 };
  peer?.onDesired(pushed, { traceparent: undefined });
  await vi.waitFor(() => expect(isKilled).toBe(true));
  await reconciler.stop();

  server.intercept = watchless;
  reconciler = await start();
  // At once, as a hub that was restored from a backup may ask.
  peer?.onDesired(
    { ...pushed, installationId: old, generation: 9, operation: { ...pushed.operation, id: older } },
    {
      traceparent: undefined,
    },
  );
  await vi.waitFor(() => expect(sent.map(({ state }) => state)).toEqual(expect.arrayContaining(['failed', 'denied'])), {
    timeout: 10_000,
  });
  expect(sent.find(({ state }) => state === 'failed')).toMatchObject({ reason: 'conflict' });
  expect(server.object(`${api}/installations/shop`)).toMatchObject({
    spec: { id },
    status: { formerIds: [older, old] },
  });
});
