import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OPERATION_LABEL, type ChartHook, type IfUnderWay, type OperationPhase } from '@steward/shared';
import { KubeError } from '../kube/error.ts';
import { NamespaceView } from '../collect/namespace-view.ts';
import type { ResultRecord } from '../link/link.ts';
import { createLog } from '../log.ts';
import { Installations } from '../operations/installation/installations.ts';
import { Journal } from '../operations/journal/journal.ts';
import type { HookRecord, OperationRecord } from '../operations/journal/operation-object.ts';
import { FIRST_PUSH } from '../testing/desired-state.ts';
import { FakeApiServer, status } from '../testing/fake-api-server.ts';
import type { ReconcileContext } from './context.ts';
import { Drifts } from './drift/drifts.ts';
import { InstallationQueue } from './installation-queue.ts';
import { abandonHooks } from './hooks/abandon-hooks.ts';
import { settle } from './history/settle.ts';
import { Halt } from './operation/run/interruption.ts';
import { endGivenUp, endLost } from './operation/run/ends-outside.ts';
import { Run } from './operation/run/run.ts';
import type { SetMeta } from './render/release-set.ts';
import { LostSetError, RenderStore } from './render/render-store.ts';
import { Schedules } from './schedule/schedules.ts';

const api = '/apis/steward.dev/v1alpha1/namespaces/ns';
const desired = FIRST_PUSH;
const { id } = desired.operation;
const job = '/apis/batch/v1/namespaces/ns/jobs/migrate';
const renderRef = `render-shop-g1 1 sha256:${'b'.repeat(64)}`;

let server: FakeApiServer;
let end: AbortController;
let sent: ResultRecord[];
let errors: string[];
let said: string[];
let watched: string[];
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
  said = [];
  watched = [];
  const link = { sendResult: (result: ResultRecord) => void sent.push(result) };
  const log = createLog({
    level: 'info',
    write: (line) => (line.includes('"level":"error"') ? errors : said).push(line),
  });
  const now = (): Date => new Date();
  const common = { kube: server.client(), namespace: 'ns', now, log, signal: end.signal };
  context = {
    ...common,
    link,
    config: { namespace: 'ns' },
    journal: new Journal({ ...common, link }),
    installations: new Installations({ ...common, onChange: () => {} }),
    renders: new RenderStore(common),
    monitors: { watch: ({ name }: { name: string }) => void watched.push(name), end: () => {} },
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

/** One that an earlier life of the agent was in the midst of, by the set of which that is said. */
async function underWay(
  want = desired,
  phase: OperationPhase = 'apply',
  hooks: ChartHook[] = [],
): Promise<OperationRecord> {
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
  context.renders.load = async () => ({ meta, objects: [object], hooks });
  await context.installations.accept(want);
  const record = await context.journal.create(want, undefined);
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

it('does what it was told last when it is told twice to stop', async () => {
  const record = await underWay();
  const orders: Promise<void>[] = [];
  server.intercept = ({ method, path }) => {
    if (method !== 'PATCH' || !path.includes('configmaps') || orders.length > 0) return undefined;
    for (const ifUnderWay of ['roll-back', 'hold'] as const)
      orders.push(queue.cancel(record, { operationId: id, requestedBy: ifUnderWay, ifUnderWay }));
    return undefined;
  };
  queue.wake();
  await queue.stop();
  await Promise.all(orders);
  const message = expect.stringMatching(/cancelled by hold .* stays as it is/);
  expect(sent.at(-1)).toMatchObject({ state: 'cancelled', message });
});

/** The job of a hook that an earlier life of the agent has begun. */
async function withHook(record: OperationRecord, state: HookRecord['state'] = 'made'): Promise<void> {
  const at = '2026-01-01T00:00:00Z';
  const begun = { event: 'pre-upgrade', hook: 'Job/migrate', name: 'migrate', state, at } as const;
  await context.journal.note(record, { hooks: [begun] });
}

/** A good generation before the one that is under way. */
async function withHistory(): Promise<void> {
  const at = '2026-01-01T00:00:00Z';
  const good = { generation: 0, version: '0.9.0', releaseDigest: 'r', parametersDigest: 'p', renderRef, at };
  await context.installations.write('shop', { history: [good] });
}

it('does what it was told last also when that comes while its hooks are ended', async () => {
  const record = await underWay();
  await withHook(record);
  const orders: Promise<void>[] = [];
  const order = (ifUnderWay: IfUnderWay): undefined =>
    void orders.push(queue.cancel(record, { operationId: id, requestedBy: ifUnderWay, ifUnderWay }));
  server.intercept = ({ method, path, body }) => {
    if (method !== 'PATCH' || orders.length > 1) return undefined;
    if (path.includes('configmaps')) return order('hold');
    return JSON.stringify(body).includes('"cancelled"') ? order('roll-back') : undefined;
  };
  queue.wake();
  await queue.stop();
  await Promise.all(orders);
  expect(orders).toHaveLength(2);
  const message = expect.stringMatching(/cancelled by roll-back .* no good generation to go back to/);
  expect(sent.at(-1)).toMatchObject({ state: 'failed', message });
});

it.each(['an order', 'a failure'])(
  'gives up going back after %s also where that is asked for before it has begun',
  async (why) => {
    const record = await underWay();
    await withHistory();
    const set = await context.renders.load(renderRef);
    const order = (ifUnderWay: IfUnderWay): Promise<void> =>
      queue.cancel(record, { operationId: id, requestedBy: ifUnderWay, ifUnderWay });
    let loads = 0;
    context.renders.load = async () => {
      loads += 1;
      if (loads === 1 && why === 'a failure') throw new LostSetError('somebody deleted it');
      if (loads === 2) await order('hold');
      return set;
    };
    server.intercept = ({ method, path }) => {
      if (method !== 'PATCH' || !path.includes('configmaps')) return undefined;
      if (loads === 1) void order('roll-back');
      const refusal = 'User "agent" cannot patch resource "configmaps" in API group ""';
      return loads > 1 ? status(403, 'Forbidden', refusal) : undefined;
    };
    queue.wake();
    await queue.stop();
    const message = expect.stringMatching(/cancelled by hold[^]*It was to go back because of this/);
    expect(sent.at(-1)).toMatchObject({ state: 'failed', reason: 'way-back-failed', message });
  },
);

it.each(['at', 'after'])(
  'ends well what was whole though it is told to stop %s its last look, and its end meets an error',
  async (when) => {
    const record = await underWay(desired, 'roll-out');
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

it.each(['made', 'failed'] as const)(
  'lets no hook run on of what is under way and whose stored set is lost, noted as %s',
  async (state) => {
    const record = await underWay();
    await withHook(record, state);
    const metadata = { name: 'migrate', namespace: 'ns', labels: { [OPERATION_LABEL]: id } };
    const { uid = '' } = server.put(job, { apiVersion: 'batch/v1', kind: 'Job', metadata }).metadata;
    const made = { group: 'batch', version: 'v1', kind: 'Job', namespace: 'ns', name: 'migrate', uid };
    await context.installations.write('shop', { inventory: [{ ...made, hook: 'Job/migrate' }] });
    context.renders.load = () => Promise.reject(new LostSetError('somebody deleted it'));
    queue.wake();
    await queue.stop();
    expect(sent.at(-1)).toMatchObject({ state: 'failed' });
    expect(record.status.hooks).toEqual([expect.objectContaining({ hook: 'Job/migrate', state: 'failed' })]);
    expect(server.object(job)).toBeUndefined();
  },
);

it('says why it was to go back, and why it cannot, where what it is to put back may not be read', async () => {
  const record = await underWay(desired, 'roll-back');
  await withHistory();
  const deadlineAt = '2100-01-01T00:00:00Z';
  const wayBack = { reason: 'rollout-deadline', message: 'not ready', generation: 0, deadlineAt } as const;
  await context.journal.note(record, { wayBack });
  context.renders.load = () => Promise.reject(new KubeError('no', { status: 403, reason: 'Forbidden' }));
  queue.wake();
  await queue.stop();
  const message = expect.stringMatching(/stored set of generation 0.*not ready/s);
  expect(sent.at(-1)).toMatchObject({ state: 'failed', reason: 'way-back-failed', message });
});

/** Notes this one as begun, and ends it as an earlier life of the agent that was told to stop, and was killed then. */
async function endHook(
  record: OperationRecord,
  begun: Pick<HookRecord, 'event' | 'hook' | 'name'>,
  ifUnderWay: IfUnderWay,
): Promise<void> {
  await context.journal.note(record, { hooks: [{ ...begun, state: 'made', at: '2026-01-01T00:00:00Z' }] });
  const installation = await context.installations.read('shop');
  await abandonHooks(new Run({ context, record, installation, signal: end.signal }), new Halt(ifUnderWay, 'b'));
}

it('stops as an earlier life of the agent was told, which had only ended its hooks', async () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'checks' } };
  const hook: ChartHook = { object, events: ['post-install'], weight: 0, deletePolicies: [] };
  const record = await underWay(desired, 'post-hooks', [hook]);
  await endHook(record, { event: 'post-install', hook: 'ConfigMap/checks', name: 'checks' }, 'hold');
  queue.wake();
  await queue.stop();
  const message = expect.stringMatching(/^cancelled by b while it was under way.* stays as it is/);
  expect(sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
});

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

it.each([
  ['running', 'all of it is done'],
  ['removed', 'These stay: data'],
] as const)(
  'keeps a good end that is written when its last word is refused until it is given up: %s',
  async (state, told) => {
    const record = await underWay();
    const message = state === 'removed' ? told : null;
    await context.installations.write('shop', { state, observedGeneration: 1, version: '1.0.0', message });
    await endGivenUp(context, record, { error: 'admission says no', signal: end.signal });
    expect(sent.at(-1)).toMatchObject({
      state: 'succeeded',
      message: expect.stringMatching(`^${told}.*admission says no`),
    });
    expect(server.object(`${api}/installations/shop`)).toMatchObject({ status: { state, version: '1.0.0' } });
    expect(watched).toEqual([]);
  },
);

describe('an uninstall in its first hooks', () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'saves' } };
  const hook: ChartHook = { object, events: ['pre-delete'], weight: 0, deletePolicies: [] };
  const want = {
    ...desired,
    action: 'remove',
    generation: 2,
    operation: { ...desired.operation, kind: 'uninstall' },
  } as const;
  const order = { operationId: id, requestedBy: 'b', ifUnderWay: 'roll-back' } as const;
  const at = '2026-01-01T00:00:00Z';
  const good = { generation: 1, version: '1.0.0', releaseDigest: 'r', parametersDigest: 'p', renderRef, at };

  /** Its only hook has done its work, and that is not said yet. */
  async function inFirstHooks(): Promise<OperationRecord> {
    vi.spyOn(context.kube, 'missingAccess').mockResolvedValue([]);
    const record = await underWay(want, 'pre-hooks', [hook]);
    const ran = { event: 'pre-delete', hook: 'ConfigMap/saves', name: 'saves', state: 'succeeded', at } as const;
    await context.journal.note(record, { hooks: [ran], deadlineAt: '2100-01-01T00:00:00Z' });
    await context.installations.write('shop', {
      state: 'running',
      version: '1.0.0',
      history: [good],
      underWay: { operation: id, generation: 2 },
    });
    return record;
  }

  function installation(): unknown {
    return server.object(`${api}/installations/shop`)?.['status'];
  }

  /** What is written first that is so: the order comes with it, or it is answered with this. */
  function atFirst(
    isIt: (path: string, body: string) => boolean,
    what: { record?: OperationRecord; answer?: number },
  ): void {
    let isDue = true;
    server.intercept = ({ method, path, body }) => {
      if (!isDue || method !== 'PATCH' || !isIt(path, JSON.stringify(body))) return undefined;
      isDue = false;
      if (what.record) void queue.cancel(what.record, order);
      return what.answer === undefined ? undefined : status(what.answer, 'Forbidden');
    };
  }

  it.each([
    ['and all runs on', {}, 0],
    ['also when it meets an error', { answer: 403 }, 1],
  ])('is cancelled by an order that comes before it says that they are done, %s', async (_, answer, met) => {
    const record = await inFirstHooks();
    atFirst((path) => path.includes('installations/shop'), { record, ...answer });
    queue.wake();
    await queue.stop();
    const message = 'cancelled by b while it was under way. Nothing else was changed: 1.0.0 runs on';
    expect(sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
    expect(installation()).toMatchObject({ state: 'running', version: '1.0.0', history: [good] });
    expect(watched).toEqual(['shop']);
    expect(errors).toHaveLength(met);
    expect(said.join()).not.toContain('too late to cancel');
  });

  it('stays cancelled when its end meets an error', async () => {
    const record = await inFirstHooks();
    atFirst((path, body) => path.includes('installations/shop') && body.includes('runs on'), { answer: 403 });
    queue.wake();
    await queue.cancel(record, order);
    await queue.stop();
    expect(sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled' });
    expect(installation()).toMatchObject({ state: 'running' });
    expect(errors).toHaveLength(1);
  });

  it.each([
    ['while that is written', 'operations/', '"phase":"apply"'],
    ['when that was written', 'installations/shop', '"removed"'],
  ])(
    'goes on when the order comes after it begins to say that they are done, and says so: %s',
    async (_, where, word) => {
      const record = await inFirstHooks();
      atFirst((path, body) => path.includes(where) && body.includes(word), { record });
      queue.wake();
      await queue.stop();
      expect(sent.at(-1)).toMatchObject({ state: 'succeeded' });
      expect(installation()).toMatchObject({ state: 'removed' });
      expect(said.join()).toContain('too late to cancel');
      expect(errors).toEqual([]);
    },
  );

  it('says what can be done about a hook that failed', async () => {
    const record = await inFirstHooks();
    const [ran] = record.status.hooks ?? [];
    const message = 'no place to save to';
    if (ran) await context.journal.note(record, { hooks: [{ ...ran, state: 'failed', message }] });
    queue.wake();
    await queue.stop();
    const told = expect.stringMatching(
      `${message}. Nothing else was changed: 1.0.0 runs on.*steward start shop.*kubectl --namespace ns delete secret render-shop-g1$`,
    );
    expect(sent.at(-1)).toMatchObject({ state: 'failed', reason: 'hook-failed', message: told });
    expect(installation()).toMatchObject({ state: 'running', version: '1.0.0' });
  });

  it('ends as cancelled when the agent was killed between the order and the end', async () => {
    const record = await inFirstHooks();
    await endHook(record, { event: 'pre-delete', hook: 'ConfigMap/saves', name: 'saves' }, 'roll-back');
    queue.wake();
    await queue.stop();
    const message = 'cancelled by b while it was under way. Nothing else was changed: 1.0.0 runs on';
    expect(sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
    expect(installation()).toMatchObject({ state: 'running', version: '1.0.0' });
  });

  it('removes nothing beside a hook that an earlier life began, when its stored set is lost since', async () => {
    const record = await inFirstHooks();
    const [ran] = record.status.hooks ?? [];
    if (ran) await context.journal.note(record, { hooks: [{ ...ran, state: 'made' }] });
    context.renders.load = () => Promise.reject(new LostSetError('somebody deleted it'));
    queue.wake();
    await queue.stop();
    const told = expect.stringMatching(/Nothing else was changed: 1.0.0 runs on. Uninstall it again, then without any/);
    expect(sent.at(-1)).toMatchObject({ state: 'failed', reason: 'lost-track', message: told });
    expect(record.status.hooks).toEqual([expect.objectContaining({ hook: 'ConfigMap/saves', state: 'failed' })]);
    expect(installation()).toMatchObject({ state: 'running', version: '1.0.0', history: [good] });
  });

  it('takes no order between two tries when it has begun to remove', async () => {
    const record = await underWay(want, 'apply');
    await queue.cancel(record, order);
    expect(said.join()).toContain('too late to cancel');
  });

  const lose = (record: OperationRecord): Promise<void> => endLost(context, record, end.signal);
  const giveUp = (record: OperationRecord): Promise<void> =>
    endGivenUp(context, record, { error: 'e', signal: end.signal });

  it.each([
    ['somebody deletes its object', lose, 'cancelled'],
    ['it is given up', giveUp, 'failed'],
  ])('leaves the installation as it runs when %s', async (_, finish, state) => {
    const record = await inFirstHooks();
    await finish(record);
    expect(sent.at(-1)).toMatchObject({ state });
    expect(installation()).toMatchObject({ state: 'running', version: '1.0.0' });
    expect(installation()).not.toHaveProperty('underWay');
  });

  it.each([
    ['in them the installation runs on', 'pre-hooks', { state: 'running', version: '1.0.0' }],
    ['after them it is not certain what runs', 'apply', { state: 'failed' }],
  ] as const)('whose object somebody deletes while no agent runs: %s', async (_, phase, status) => {
    const record = await inFirstHooks();
    await context.journal.move(record, { state: 'running', phase, message: phase });
    const found = await context.installations.read('shop');
    await new Run({ context, record, installation: found, signal: end.signal }).write({});
    const { kube, now, log, link } = context;
    const journal = new Journal({ kube, namespace: 'ns', now, log, link, signal: end.signal });
    await settle({ ...context, journal }, 'shop', end.signal);
    expect(installation()).toMatchObject(status);
    expect(installation()).not.toHaveProperty('underWay');
  });
});
