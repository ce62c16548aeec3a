import { afterEach, beforeEach, expect, it } from 'vitest';
import { NamespaceView } from '../collect/namespace-view.ts';
import type { ResultRecord } from '../link/link.ts';
import { createLog } from '../log.ts';
import { Installations } from '../operations/installation/installations.ts';
import { Journal } from '../operations/journal/journal.ts';
import type { OperationRecord } from '../operations/journal/operation-object.ts';
import { FIRST_PUSH } from '../testing/desired-state.ts';
import { FakeApiServer, status } from '../testing/fake-api-server.ts';
import type { ReconcileContext } from './context.ts';
import { Drifts } from './drift/drifts.ts';
import { InstallationQueue } from './installation-queue.ts';
import type { SetMeta } from './render/release-set.ts';
import { RenderStore } from './render/render-store.ts';
import { Schedules } from './schedule/schedules.ts';

const api = '/apis/steward.dev/v1alpha1/namespaces/ns';
const desired = FIRST_PUSH;
const { id } = desired.operation;

let server: FakeApiServer;
let end: AbortController;
let sent: ResultRecord[];
let errors: string[];
let context: ReconcileContext;
let drifts: Drifts;
let queue: InstallationQueue;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  server.put(`${api}/supportpolicies/no`, {
    apiVersion: 'steward.dev/v1alpha1',
    kind: 'SupportPolicy',
    metadata: { name: 'no', namespace: 'ns' },
    spec: { rules: { install: 'deny' } },
  });
  end = new AbortController();
  sent = [];
  errors = [];
  const link = { sendResult: (result: ResultRecord) => void sent.push(result) };
  const log = createLog({ level: 'error', write: (line) => errors.push(line) });
  const now = (): Date => new Date();
  const common = { kube: server.client(), namespace: 'ns', now, log, signal: end.signal };
  context = {
    ...common,
    link,
    config: { namespace: 'ns' },
    journal: new Journal({ ...common, link }),
    installations: new Installations({ ...common, onChange: () => {} }),
    renders: new RenderStore(common),
  } as unknown as ReconcileContext;
  const rest = { context, onDue: () => {}, signal: end.signal };
  drifts = new Drifts(rest);
  queue = new InstallationQueue({ ...rest, drifts, schedules: new Schedules(rest), name: 'shop' });
});
afterEach(async () => {
  drifts.stop();
  end.abort();
  await queue.stop();
  await server.stop();
});

it('does not begin what is being cancelled', async () => {
  const record = await context.journal.create(desired, undefined);
  const cancelled = queue.cancel(record, { operationId: id, requestedBy: 'b' });
  queue.wake();
  await Promise.all([cancelled, queue.stop()]);
  expect(sent.map(({ state }) => state)).toEqual(['cancelled']);
  expect(server.object(`${api}/installations/shop`)).toBeUndefined();
  expect(errors).toEqual([]);
});

/** One that an earlier life of the agent was applying. */
async function underWay(phase: 'apply' | 'roll-out' = 'apply'): Promise<OperationRecord> {
  const meta: SetMeta = {
    service: 'web',
    version: '1.0.0',
    releaseDigest: desired.release.digest,
    parametersDigest: 'p',
    signedBy: 'k',
    counter: 1,
    deadlineSeconds: 86_400,
    settleSeconds: 0,
    permissions: [],
  };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shop' } };
  context.renders.load = async () => ({ meta, objects: [object], hooks: [] });
  const renderRef = `render-shop-g1 1 sha256:${'b'.repeat(64)}`;
  await context.installations.accept(desired);
  const record = await context.journal.create(desired, undefined);
  for (const state of ['accepted', 'running'] as const)
    await context.journal.move(record, { state, phase, message: state, also: { renderRef } });
  return record;
}

it('stops what is under way though that is asked for before it has looked at it, also when its end meets an error', async () => {
  const record = await underWay();
  let refusals = 1;
  server.intercept = ({ method, path }) =>
    method === 'PATCH' && path.includes('installations/shop') && refusals-- > 0 ? status(403, 'Forbidden') : undefined;
  queue.wake();
  await queue.cancel(record, { operationId: id, requestedBy: 'b', ifUnderWay: 'hold' });
  await queue.stop();
  const message = expect.stringContaining('cancelled by b while it was under way');
  expect(sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
  expect(errors).toHaveLength(1);
});

it.each(['at', 'after'])(
  'ends well what was whole though it is told to stop %s its last look, and its end meets an error',
  async (when) => {
    const record = await underWay('roll-out');
    const stop = (): Promise<void> =>
      queue.cancel(record, { operationId: id, requestedBy: 'b', ifUnderWay: 'roll-back' });
    const view = new NamespaceView({ ...context, namespace: 'ns', onChange: () => {} });
    view.subscribe = () => () => void (when === 'at' && stop());
    const watch = (): object => ({ view, own: { claims: new Map() } });
    Object.assign(context, { monitors: { watch, refresh: () => {} } });
    let refusals = 1;
    server.intercept = ({ method, path }) => {
      if (method !== 'PATCH' || !path.includes('installations/shop') || refusals-- <= 0) return undefined;
      if (when === 'after') void stop();
      return status(403, 'Forbidden');
    };
    queue.wake();
    await queue.stop();
    expect(sent.at(-1)).toMatchObject({ state: 'succeeded' });
    expect(server.object(`${api}/installations/shop`)).toMatchObject({ status: { state: 'running' } });
    expect(errors).toHaveLength(1);
  },
);

it('begins nothing again that has ended, when what comes behind its end meets an error', async () => {
  const record = await context.journal.create(desired, undefined);
  await context.journal.note(record, { renderRef: `render-shop-g1 1 sha256:${'b'.repeat(64)}` });
  let refusals = 1;
  server.intercept = ({ method }) => (method === 'DELETE' && refusals-- > 0 ? status(403, 'Forbidden') : undefined);
  queue.wake();
  await queue.stop();
  expect(sent.map(({ state }) => state)).toEqual(['accepted', 'denied']);
  expect(errors).toHaveLength(1);
});

it('carries an operation out whose installation somebody deleted a moment before', async () => {
  await context.installations.accept(desired);
  server.delete(`${api}/installations/shop`);
  await context.journal.create({ ...desired, generation: 2 }, undefined);
  queue.wake();
  await queue.stop();
  expect(sent.at(-1)).toMatchObject({ state: 'denied' });
  expect(server.object(`${api}/installations/shop`)).toMatchObject({ status: { generation: 2 } });
  expect(errors).toEqual([]);
});

it('makes nothing again for a push that came in while the installation was being removed', async () => {
  await context.installations.accept(desired);
  await context.installations.write('shop', { state: 'removed', observedGeneration: 2, generation: 3 });
  await context.journal.create({ ...desired, generation: 3 }, undefined);
  queue.wake();
  await queue.stop();
  const message = expect.stringContaining('generation 2 removed the installation');
  expect(sent.at(-1)).toMatchObject({ state: 'failed', reason: 'conflict', message });
  expect(server.object(`${api}/installations/shop`)).toMatchObject({ status: { state: 'removed' } });
  expect(errors).toEqual([]);
});
