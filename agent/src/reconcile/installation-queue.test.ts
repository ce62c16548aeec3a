import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OPERATION_LABEL, type ChartHook, type IfUnderWay } from '@steward/shared';
import { NamespaceView } from '../collect/namespace-view.ts';
import { KubeError } from '../kube/error.ts';
import type { HookRecord, OperationRecord } from '../operations/journal/operation-object.ts';
import { FencedError } from '../operations/journal/operation-store.ts';
import { FIRST_PUSH } from '../testing/desired-state.ts';
import { status } from '../testing/fake-api-server.ts';
import { RENDER_REF, TestQueue } from '../testing/test-queue.ts';
import { endGivenUp } from './operation/run/ends-outside.ts';
import { LostSetError } from './render/render-store.ts';

const desired = FIRST_PUSH;
const { id } = desired.operation;
const job = '/apis/batch/v1/namespaces/ns/jobs/migrate';

let world: TestQueue;

beforeEach(async () => {
  world = await TestQueue.start();
});
afterEach(async () => {
  vi.useRealTimers();
  await world.stop();
});

it('stops what is under way though that is asked for before it has looked at it, also when its end meets an error', async () => {
  const record = await world.underWay();
  let refusals = 1;
  world.server.intercept = ({ method, path }) =>
    method === 'PATCH' && path.includes('installations/shop') && refusals-- > 0 ? status(403, 'Forbidden') : undefined;
  world.queue.wake();
  await world.queue.cancel(record, { operationId: id, requestedBy: 'b', ifUnderWay: 'hold' });
  await world.queue.stop();
  const message = expect.stringContaining('cancelled by b while it was under way');
  expect(world.sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
  expect(world.errors).toHaveLength(1);
});

it('does what it was told last when it is told twice to stop', async () => {
  const record = await world.underWay();
  const orders: Promise<void>[] = [];
  world.server.intercept = ({ method, path }) => {
    if (method !== 'PATCH' || !path.includes('configmaps') || orders.length > 0) return undefined;
    for (const ifUnderWay of ['roll-back', 'hold'] as const)
      orders.push(world.queue.cancel(record, { operationId: id, requestedBy: ifUnderWay, ifUnderWay }));
    return undefined;
  };
  await world.runAll();
  await Promise.all(orders);
  const message = expect.stringMatching(/cancelled by hold .* stays as it is/);
  expect(world.sent.at(-1)).toMatchObject({ state: 'cancelled', message });
});

/** The job of a hook that an earlier life of the agent has begun. */
async function withHook(record: OperationRecord, state: HookRecord['state'] = 'made'): Promise<void> {
  const at = '2026-01-01T00:00:00Z';
  const begun = { event: 'pre-upgrade', hook: 'Job/migrate', name: 'migrate', state, at } as const;
  await world.context.journal.note(record, { hooks: [begun] });
}

/** A good generation before the one that is under way. */
async function withHistory(): Promise<void> {
  const at = '2026-01-01T00:00:00Z';
  const good = {
    generation: 0,
    version: '0.9.0',
    releaseDigest: 'r',
    parametersDigest: 'p',
    renderRef: RENDER_REF,
    at,
  };
  await world.context.installations.write('shop', { history: [good] });
}

it('does what it was told last also when that comes while its hooks are ended', async () => {
  const record = await world.underWay();
  await withHook(record);
  const orders: Promise<void>[] = [];
  const order = (ifUnderWay: IfUnderWay): undefined =>
    void orders.push(world.queue.cancel(record, { operationId: id, requestedBy: ifUnderWay, ifUnderWay }));
  world.server.intercept = ({ method, path, body }) => {
    if (method !== 'PATCH' || orders.length > 1) return undefined;
    if (path.includes('configmaps')) return order('hold');
    return JSON.stringify(body).includes('"cancelled"') ? order('roll-back') : undefined;
  };
  await world.runAll();
  await Promise.all(orders);
  expect(orders).toHaveLength(2);
  const message = expect.stringMatching(/cancelled by roll-back .* no good generation to go back to/);
  expect(world.sent.at(-1)).toMatchObject({ state: 'failed', message });
});

it.each(['an order', 'a failure'])(
  'gives up going back after %s also where that is asked for before it has begun',
  async (why) => {
    const record = await world.underWay();
    await withHistory();
    const set = await world.context.renders.load(RENDER_REF);
    const order = (ifUnderWay: IfUnderWay): Promise<void> =>
      world.queue.cancel(record, { operationId: id, requestedBy: ifUnderWay, ifUnderWay });
    let loads = 0;
    world.context.renders.load = async () => {
      loads += 1;
      if (loads === 1 && why === 'a failure') throw new LostSetError('somebody deleted it');
      if (loads === 2) await order('hold');
      return set;
    };
    world.server.intercept = ({ method, path }) => {
      if (method !== 'PATCH' || !path.includes('configmaps')) return undefined;
      if (loads === 1) void order('roll-back');
      const refusal = 'User "agent" cannot patch resource "configmaps" in API group ""';
      return loads > 1 ? status(403, 'Forbidden', refusal) : undefined;
    };
    await world.runAll();
    const message = expect.stringMatching(/cancelled by hold[^]*It was to go back because of this/);
    expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'way-back-failed', message });
  },
);

it.each(['at', 'after'])(
  'ends well what was whole though it is told to stop %s its last look, and its end meets an error',
  async (when) => {
    const record = await world.underWay(desired, 'roll-out');
    const stop = (): Promise<void> =>
      world.queue.cancel(record, { operationId: id, requestedBy: 'b', ifUnderWay: 'roll-back' });
    const view = new NamespaceView({ ...world.context, namespace: 'ns', onChange: () => {} });
    view.subscribe = () => () => void (when === 'at' && stop());
    const watch = (): object => ({ view, own: { claims: new Map() } });
    Object.assign(world.context, { monitors: { watch, refresh: () => {} } });
    let refusals = 1;
    world.server.intercept = ({ method, path }) => {
      if (method !== 'PATCH' || !path.includes('installations/shop') || refusals-- <= 0) return undefined;
      if (when === 'after') void stop();
      return status(403, 'Forbidden');
    };
    await world.runAll();
    expect(world.sent.at(-1)).toMatchObject({ state: 'succeeded' });
    expect(world.installation).toMatchObject({ state: 'running' });
    expect(world.errors).toHaveLength(1);
  },
);

it.each(['made', 'failed'] as const)(
  'lets no hook run on of what is under way and whose stored set is lost, noted as %s',
  async (state) => {
    const record = await world.underWay();
    await withHook(record, state);
    const metadata = { name: 'migrate', namespace: 'ns', labels: { [OPERATION_LABEL]: id } };
    const { uid = '' } = world.server.put(job, { apiVersion: 'batch/v1', kind: 'Job', metadata }).metadata;
    const made = { group: 'batch', version: 'v1', kind: 'Job', namespace: 'ns', name: 'migrate', uid };
    await world.context.installations.write('shop', { inventory: [{ ...made, hook: 'Job/migrate' }] });
    world.context.renders.load = () => Promise.reject(new LostSetError('somebody deleted it'));
    await world.runAll();
    expect(world.sent.at(-1)).toMatchObject({ state: 'failed' });
    expect(record.status.hooks).toEqual([expect.objectContaining({ hook: 'Job/migrate', state: 'failed' })]);
    expect(world.server.object(job)).toBeUndefined();
  },
);

it('says why it was to go back, and why it cannot, where what it is to put back may not be read', async () => {
  const record = await world.underWay(desired, 'roll-back');
  await withHistory();
  const deadlineAt = '2100-01-01T00:00:00Z';
  const wayBack = { reason: 'rollout-deadline', message: 'not ready', generation: 0, deadlineAt } as const;
  await world.context.journal.note(record, { wayBack });
  world.context.renders.load = () => Promise.reject(new KubeError('no', { status: 403, reason: 'Forbidden' }));
  await world.runAll();
  const message = expect.stringMatching(/stored set of generation 0.*not ready/s);
  expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'way-back-failed', message });
});

it('stops as an earlier life of the agent was told, which had only ended its hooks', async () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'checks' } };
  const hook: ChartHook = { object, events: ['post-install'], weight: 0, deletePolicies: [] };
  const record = await world.underWay(desired, 'post-hooks', [hook]);
  await world.endHook(record, { event: 'post-install', hook: 'ConfigMap/checks', name: 'checks' }, 'hold');
  await world.runAll();
  const message = expect.stringMatching(/^cancelled by b while it was under way.* stays as it is/);
  expect(world.sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
});

it('begins nothing again that has ended, when what comes behind its end meets an error', async () => {
  const record = await world.context.journal.create(desired, undefined);
  await world.context.journal.note(record, { renderRef: RENDER_REF });
  let refusals = 1;
  world.server.intercept = ({ method }) =>
    method === 'DELETE' && refusals-- > 0 ? status(403, 'Forbidden') : undefined;
  await world.runAll();
  expect(world.sent.map(({ state }) => state)).toEqual(['accepted', 'denied']);
  expect(world.errors).toHaveLength(1);
});

/** All of it is done, and only its last word is missing. @returns what deletes its object */
async function lacksItsLastWord(): Promise<() => void> {
  const { name } = await world.underWay();
  await world.context.installations.write('shop', { state: 'running', observedGeneration: 1, version: '1.0.0' });
  return () => world.server.delete(`/apis/steward.dev/v1alpha1/namespaces/ns/operations/${name}`);
}

it('looks for drift also after a good end whose operation somebody deleted before its last word', async () => {
  const deleteOperation = await lacksItsLastWord();
  deleteOperation();
  await world.runAll();
  expect(world.sent.at(-1)).toMatchObject({ state: 'succeeded' });
  expect(world.drifts.of('shop')).toBeDefined();
});

it('looks for drift also after such an end that is seen when it is about to go on', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const deleteOperation = await lacksItsLastWord();
  vi.spyOn(world.context.journal, 'say').mockRejectedValueOnce(new FencedError('another agent'));
  await world.runAll();
  deleteOperation();
  vi.runOnlyPendingTimers();
  await vi.waitFor(() => expect(world.drifts.of('shop')).toBeDefined());
  expect(world.sent.at(-1)).toMatchObject({ state: 'succeeded' });
});

it('writes no end of what another agent carries on with, though it was told to stop', async () => {
  const record = await world.underWay();
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shop' } };
  world.server.intercept = ({ method, path, body }) => {
    if (method !== 'PATCH') return undefined;
    if (path.includes('configmaps')) return { status: 200, body: applied };
    if (!JSON.stringify(body).includes('"phase":"roll-out"')) return undefined;
    const operation = path.replace('/status', '');
    const object = world.server.object(operation);
    const { revision, transitions } = record.status;
    const next = { ...transitions.at(-1), revision: revision + 1 };
    const theirs = { ...record.status, revision: revision + 1, transitions: [...transitions, next], writer: 'other' };
    if (object) world.server.put(operation, { ...object, status: theirs });
    void world.queue.cancel(record, { operationId: id, requestedBy: 'b', ifUnderWay: 'hold' });
    return undefined;
  };
  await world.runAll();
  expect(world.said.at(-1)).toContain('another agent carries on');
  expect(world.installation).toMatchObject({ underWay: { operation: id } });
});

it('carries an operation out whose installation somebody deleted a moment before', async () => {
  await world.context.installations.accept(desired);
  world.deleteInstallation();
  await world.context.journal.create({ ...desired, generation: 2 }, undefined);
  await world.runAll();
  expect(world.sent.at(-1)).toMatchObject({ state: 'denied' });
  expect(world.installation).toMatchObject({ generation: 2 });
  expect(world.errors).toEqual([]);
});

it('makes nothing again for a push that came in while the installation was being removed', async () => {
  await world.context.installations.accept(desired);
  await world.context.installations.write('shop', { state: 'removed', observedGeneration: 2, generation: 3 });
  await world.context.journal.create({ ...desired, generation: 3 }, undefined);
  await world.runAll();
  const message = expect.stringContaining('generation 2 removed the installation');
  expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'conflict', message });
  expect(world.installation).toMatchObject({ state: 'removed' });
  expect(world.errors).toEqual([]);
});

it.each([
  ['running', 'all of it is done'],
  ['removed', 'These stay: data'],
] as const)(
  'keeps a good end that is written when its last word is refused until it is given up: %s',
  async (state, told) => {
    const record = await world.underWay();
    const message = state === 'removed' ? told : null;
    await world.context.installations.write('shop', { state, observedGeneration: 1, version: '1.0.0', message });
    await endGivenUp(world.context, record, { error: 'admission says no', signal: world.signal });
    expect(world.sent.at(-1)).toMatchObject({
      state: 'succeeded',
      message: expect.stringMatching(`^${told}.*admission says no`),
    });
    expect(world.installation).toMatchObject({ state, version: '1.0.0' });
    expect(world.watched).toEqual([]);
  },
);

it.each([
  { of: 'a push of its own set', generation: 1, removed: [[RENDER_REF]] },
  { of: 'a remedy of what runs', generation: 2, removed: [] },
])(
  'tells of what waits and whose Installation may not be made, and leaves no set that never ran: $of',
  async ({ generation, removed }) => {
    const record = await world.context.journal.create({ ...desired, generation }, undefined);
    await world.context.journal.note(record, { renderRef: RENDER_REF });
    const remove = vi.spyOn(world.context.renders, 'remove').mockResolvedValue();
    await endGivenUp(world.context, record, { error: 'admission says no', signal: world.signal });
    const message = expect.stringContaining('admission says no');
    expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'internal', message });
    expect(remove.mock.calls).toEqual(removed);
  },
);
