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
  const link = {
    attach: (attached: LinkPeer) => void (peer = attached),
    sendResult: (result: ResultRecord) => void sent.push(result),
    reportHealth: () => {},
    reportObserved: () => {},
  };
  reconciler = await startReconcile({
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
});
afterEach(async () => {
  await reconciler.stop();
  await server.stop();
});

async function isDenied(): Promise<void> {
  await vi.waitFor(() => expect(sent.at(-1)).toMatchObject({ state: 'denied' }), { timeout: 10_000 });
}

it('carries out a push to an installation that somebody deleted', async () => {
  server.delete(`${api}/installations/shop`);
  peer?.onDesired(desired, { traceparent: undefined });
  await isDenied();
});

it('carries out what it has written down and could not take in, when it comes again', async () => {
  let refusals = 1;
  server.intercept = ({ method, path, query }) => {
    if (query.get('watch') === 'true') return 'hang';
    const isAccepting = method === 'PATCH' && path.includes('/installations/');
    return isAccepting && refusals-- > 0 ? status(403, 'Forbidden') : undefined;
  };
  peer?.onDesired(desired, { traceparent: undefined });
  peer?.onDesired(desired, { traceparent: undefined });
  await isDenied();
});
