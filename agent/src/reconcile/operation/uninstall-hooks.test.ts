import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ChartHook } from '@steward/shared';
import { Journal } from '../../operations/journal/journal.ts';
import type { HookRecord, OperationRecord } from '../../operations/journal/operation-object.ts';
import { FencedError } from '../../operations/journal/operation-store.ts';
import { FIRST_PUSH } from '../../testing/desired-state.ts';
import { status } from '../../testing/fake-api-server.ts';
import { RENDER_REF, TestQueue } from '../../testing/test-queue.ts';
import { settle } from '../history/settle.ts';
import { LostSetError } from '../render/render-store.ts';
import { endGivenUp, endLost } from './run/ends-outside.ts';
import { Run } from './run/run.ts';

const { id } = FIRST_PUSH.operation;
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'saves' } };
const want = {
  ...FIRST_PUSH,
  action: 'remove',
  generation: 2,
  operation: { ...FIRST_PUSH.operation, kind: 'uninstall' },
} as const;
const order = { operationId: id, requestedBy: 'b', ifUnderWay: 'roll-back' } as const;
const at = '2026-01-01T00:00:00Z';
const good = {
  generation: 1,
  version: '1.0.0',
  releaseDigest: 'r',
  parametersDigest: 'p',
  renderRef: RENDER_REF,
  at,
};

let world: TestQueue;

beforeEach(async () => {
  world = await TestQueue.start();
});
afterEach(() => world.stop());

/** Its hook of this moment is so far, and that is all that is said of it. */
async function inHooks(
  event: 'pre-delete' | 'post-delete',
  how: Pick<HookRecord, 'state' | 'message'>,
): Promise<OperationRecord> {
  vi.spyOn(world.context.kube, 'missingAccess').mockResolvedValue([]);
  const isFirst = event === 'pre-delete';
  const hook: ChartHook = { object, events: [event], weight: 0, deletePolicies: [] };
  const record = await world.underWay(want, isFirst ? 'pre-hooks' : 'post-hooks', [hook]);
  const ran = { event, hook: 'ConfigMap/saves', name: 'saves', at, ...how };
  await world.context.journal.note(record, { hooks: [ran], deadlineAt: '2100-01-01T00:00:00Z' });
  await world.context.installations.write('shop', {
    state: 'running',
    version: '1.0.0',
    history: [good],
    underWay: { operation: id, generation: 2 },
    ...(!isFirst && { removalOf: RENDER_REF }),
  });
  return record;
}

/** They have done their work. */
const inFirstHooks = (): Promise<OperationRecord> => inHooks('pre-delete', { state: 'succeeded' });

function loseSet(): void {
  world.context.renders.load = () => Promise.reject(new LostSetError('somebody deleted it'));
}

/** What is written first that is so: the order comes with it, or it is answered with this. */
function atFirst(
  isIt: (path: string, body: string) => boolean,
  what: { record?: OperationRecord; answer?: number },
): void {
  let isDue = true;
  world.server.intercept = ({ method, path, body }) => {
    if (!isDue || method !== 'PATCH' || !isIt(path, JSON.stringify(body))) return undefined;
    isDue = false;
    if (what.record) void world.queue.cancel(what.record, order);
    return what.answer === undefined ? undefined : status(what.answer, 'Forbidden');
  };
}

it.each([
  ['and all runs on', {}, 0],
  ['also when it meets an error', { answer: 403 }, 1],
])('is cancelled by an order that comes before it says that they are done, %s', async (_, answer, met) => {
  const record = await inFirstHooks();
  atFirst((path) => path.includes('installations/shop'), { record, ...answer });
  await world.runAll();
  const message = 'cancelled by b while it was under way. Nothing else was changed: 1.0.0 runs on';
  expect(world.sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
  expect(world.installation).toMatchObject({ state: 'running', version: '1.0.0', history: [good] });
  expect(world.watched).toEqual(['shop']);
  expect(world.errors).toHaveLength(met);
  expect(world.said.join()).not.toContain('too late to cancel');
});

it('stays cancelled when its end meets an error', async () => {
  const record = await inFirstHooks();
  atFirst((path, body) => path.includes('installations/shop') && body.includes('runs on'), { answer: 403 });
  world.queue.wake();
  await world.queue.cancel(record, order);
  await world.queue.stop();
  expect(world.sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled' });
  expect(world.installation).toMatchObject({ state: 'running' });
  expect(world.errors).toHaveLength(1);
});

it.each([
  ['while that is written', 'operations/', '"phase":"apply"'],
  ['when that was written', 'installations/shop', '"removed"'],
])(
  'goes on when the order comes after it begins to say that they are done, and says so: %s',
  async (_, where, word) => {
    const record = await inFirstHooks();
    atFirst((path, body) => path.includes(where) && body.includes(word), { record });
    await world.runAll();
    expect(world.sent.at(-1)).toMatchObject({ state: 'succeeded' });
    expect(world.installation).toMatchObject({ state: 'removed' });
    expect(world.said.join()).toContain('too late to cancel');
    expect(world.errors).toEqual([]);
  },
);

it('says how to uninstall without any hook where a rule of the cluster refuses one', async () => {
  await endLost(world.context, await inFirstHooks(), world.signal);
  world.allow('uninstall');
  const operation = { ...want.operation, id: id.replaceAll('2', '3') };
  await world.context.journal.create({ ...want, generation: 3, operation }, undefined);
  world.server.intercept = ({ method, path }) =>
    method === 'PATCH' && path.includes('configmaps/saves')
      ? status(403, 'Forbidden', 'admission webhook "no" denied the request')
      : undefined;
  await world.runAll();
  const message = expect.stringMatching(/rules do not allow ConfigMap\/saves.*delete secret render-shop-g1$/);
  expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'apply-refused', message });
});

it('writes no end of what another agent carries on with, though it was told to stop', async () => {
  const record = await inFirstHooks();
  atFirst((path) => path.includes('installations/shop'), { record });
  vi.spyOn(Run.prototype, 'goForGood').mockImplementationOnce(() => {
    throw new FencedError('another agent');
  });
  await world.runAll();
  expect(world.installation).toMatchObject({ state: 'running', underWay: { operation: id } });
  expect(world.sent.map(({ state }) => state)).not.toContain('cancelled');
});

it('says what can be done about a hook that failed', async () => {
  const message = 'no place to save to';
  await inHooks('pre-delete', { state: 'failed', message });
  await world.runAll();
  const told = expect.stringMatching(
    `${message}. Nothing else was changed: 1.0.0 runs on.*steward start shop.*kubectl --namespace ns delete secret render-shop-g1$`,
  );
  expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'hook-failed', message: told });
  expect(world.installation).toMatchObject({ state: 'running', version: '1.0.0' });
});

it('says what can be done about one after the removal that failed, which a push would make all anew for', async () => {
  await inHooks('post-delete', { state: 'failed', message: 'its account is gone' });
  await world.runAll();
  const told = expect.stringMatching(
    /not finished: .*its account is gone\. Give it what it lacks and uninstall again: steward uninstall shop.*kubectl --namespace ns delete secret render-shop-g1$/,
  );
  expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'hook-failed', message: told });
  expect(world.installation).toMatchObject({ state: 'failed', message: told });
});

it.each([
  ['', () => {}],
  [', also when its stored set is lost since', loseSet],
])('ends as cancelled when the agent was killed between the order and the end%s', async (_, happens) => {
  const record = await inFirstHooks();
  await world.endHook(record, { event: 'pre-delete', hook: 'ConfigMap/saves', name: 'saves' }, 'roll-back');
  happens();
  await world.runAll();
  const message = 'cancelled by b while it was under way. Nothing else was changed: 1.0.0 runs on';
  expect(world.sent.at(-1)).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
  expect(world.installation).toMatchObject({ state: 'running', version: '1.0.0' });
});

it('removes nothing beside a hook that an earlier life began, when its stored set is lost since', async () => {
  const record = await inHooks('pre-delete', { state: 'made' });
  loseSet();
  await world.runAll();
  const told = expect.stringMatching(/Nothing else was changed: 1.0.0 runs on. Uninstall it again, then without any/);
  expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'lost-track', message: told });
  expect(record.status.hooks).toEqual([expect.objectContaining({ hook: 'ConfigMap/saves', state: 'failed' })]);
  expect(world.installation).toMatchObject({ state: 'running', version: '1.0.0', history: [good] });
});

it.each([
  ['it still runs', 'made'],
  ['its end was noted, and not that of the operation', 'failed'],
] as const)(
  'is not done where its set is lost beside a hook after the removal that was begun: %s',
  async (_, state) => {
    const record = await inHooks('post-delete', { state });
    loseSet();
    await world.runAll();
    const told = expect.stringMatching(
      /not finished: its stored set was removed.* Uninstall it again, then without any/,
    );
    expect(world.sent.at(-1)).toMatchObject({ state: 'failed', reason: 'lost-track', message: told });
    expect(record.status.hooks).toEqual([expect.objectContaining({ hook: 'ConfigMap/saves', state: 'failed' })]);
    expect(world.installation).toMatchObject({ state: 'failed', history: [good] });
  },
);

it.each([
  ['is not done where another may be still to come', 'post-hooks', { state: 'failed', reason: 'lost-track' }],
  ['is done where all of them were', 'roll-out', { state: 'succeeded' }],
] as const)('whose set is lost when a hook after the removal had done its work %s', async (_, phase, end) => {
  const record = await inHooks('post-delete', { state: 'succeeded' });
  await world.context.journal.move(record, { state: 'running', phase, message: phase });
  loseSet();
  await world.runAll();
  expect(world.sent.at(-1)).toMatchObject(end);
});

it('is done where its end is written, and its set gone with that', async () => {
  await inHooks('post-delete', { state: 'succeeded' });
  await world.context.installations.write('shop', { state: 'removed', observedGeneration: 2, history: [] });
  loseSet();
  await world.runAll();
  expect(world.sent.at(-1)).toMatchObject({ state: 'succeeded' });
});

it('takes no order between two tries when it has begun to remove', async () => {
  const record = await world.underWay(want, 'apply');
  await world.queue.cancel(record, order);
  expect(world.said.join()).toContain('too late to cancel');
});

const lose = (record: OperationRecord): Promise<void> => endLost(world.context, record, world.signal);
const giveUp = (record: OperationRecord): Promise<void> =>
  endGivenUp(world.context, record, { error: 'e', signal: world.signal });

it.each([
  ['somebody deletes its object', lose, 'cancelled'],
  ['it is given up', giveUp, 'failed'],
])('leaves the installation as it runs when %s', async (_, finish, state) => {
  const record = await inFirstHooks();
  await finish(record);
  expect(world.sent.at(-1)).toMatchObject({ state });
  expect(world.installation).toMatchObject({ state: 'running', version: '1.0.0' });
  expect(world.installation).not.toHaveProperty('underWay');
});

it.each([
  ['in them the installation runs on', 'pre-hooks', { state: 'running', version: '1.0.0' }],
  ['after them it is not certain what runs', 'apply', { state: 'failed' }],
] as const)('whose object somebody deletes while no agent runs: %s', async (_, phase, status) => {
  const record = await inFirstHooks();
  await world.context.journal.move(record, { state: 'running', phase, message: phase });
  const found = await world.context.installations.read('shop');
  await new Run({ context: world.context, record, installation: found, signal: world.signal }).write({});
  const { kube, now, log, link } = world.context;
  const journal = new Journal({ kube, namespace: 'ns', now, log, link, signal: world.signal });
  await settle({ ...world.context, journal }, 'shop', world.signal);
  expect(world.installation).toMatchObject(status);
  expect(world.installation).not.toHaveProperty('underWay');
});
