import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { IfUnderWay } from '@steward/shared';
import type { OperationRecord } from '../operations/journal/operation-object.ts';
import { FencedError } from '../operations/journal/operation-store.ts';
import { FIRST_PUSH } from '../testing/desired-state.ts';
import { status } from '../testing/fake-api-server.ts';
import { RENDER_REF, TestQueue } from '../testing/test-queue.ts';

const desired = FIRST_PUSH;
const { id } = desired.operation;
const CANCELLED = { state: 'cancelled', message: 'cancelled by b before it changed anything' };

let world: TestQueue;

beforeEach(async () => {
  world = await TestQueue.start();
});
afterEach(() => world.stop());

it('does not begin what is being cancelled', async () => {
  const record = await world.context.journal.create(desired, undefined);
  const cancelled = world.queue.cancel(record, { operationId: id, requestedBy: 'b' });
  world.queue.wake();
  await Promise.all([cancelled, world.queue.stop()]);
  expect(world.sent.map(({ state }) => state)).toEqual(['cancelled']);
  expect(world.installation).toBeUndefined();
  expect(world.errors).toEqual([]);
});

/** It waits for somebody; what is written into the installation is refused so often. */
async function waiting(refusals: number): Promise<OperationRecord> {
  const record = await world.context.journal.create(desired, undefined);
  await world.context.journal.note(record, { renderRef: RENDER_REF });
  await world.context.installations.accept(desired);
  let left = refusals;
  world.server.intercept = ({ method, path }) =>
    method === 'PATCH' && path.includes('installations/shop') && left-- > 0 ? status(403, 'Forbidden') : undefined;
  return record;
}

function cancel(record: OperationRecord, ifUnderWay?: IfUnderWay): Promise<void> {
  return world.queue.cancel(record, { operationId: id, requestedBy: 'b', ...(ifUnderWay && { ifUnderWay }) });
}

it('does not begin what was cancelled before its turn, when its end met an error', async () => {
  const record = await waiting(1);
  await expect(cancel(record)).rejects.toThrow('Forbidden');
  await world.runAll();
  expect(world.sent).toEqual([expect.objectContaining(CANCELLED)]);
});

it('does not go on with what was cancelled while it waited, when its end met an error', async () => {
  const record = await waiting(1);
  const { journal } = world.context;
  const say = journal.say.bind(journal);
  vi.spyOn(journal, 'say').mockImplementationOnce(async (...said) => {
    await say(...said);
    await cancel(record);
  });
  await world.runAll();
  expect(world.sent.map(({ state }) => state)).toEqual(['accepted', 'cancelled']);
  expect(world.errors).toHaveLength(1);
});

it('does not go on with what was cancelled while nothing of the installation was carried on', async () => {
  const record = await waiting(0);
  const said = vi.spyOn(world.context.journal, 'say').mockRejectedValueOnce(new FencedError('another agent'));
  await world.runAll();
  expect(said).toHaveBeenCalledOnce();
  await cancel(record);
  await world.runAll();
  expect(world.sent).toEqual([expect.objectContaining(CANCELLED)]);
});

it.each([undefined, 'hold'] as const)(
  'does not begin what was cancelled while it wrote down that it begins, when that is refused (under way: %s)',
  async (ifUnderWay) => {
    world.allow('uninstall');
    vi.spyOn(world.context.kube, 'missingAccess').mockResolvedValue([]);
    const operation = { ...desired.operation, kind: 'uninstall' } as const;
    const record = await world.context.journal.create({ ...desired, action: 'remove', operation }, undefined);
    let refusals = 1;
    world.server.intercept = ({ method, body }) => {
      if (method !== 'PATCH' || !JSON.stringify(body).includes('"running"') || refusals-- <= 0) return undefined;
      void cancel(record, ifUnderWay);
      return status(403, 'Forbidden');
    };
    await world.runAll();
    expect(refusals).toBe(0);
    expect(world.sent.at(-1)).toMatchObject(CANCELLED);
  },
);

it.each(['after its first word was refused', 'before its turn'])(
  'holds what turns out to have been begun by an earlier life of the agent, where that was said %s',
  async (when) => {
    vi.spyOn(world.context.journal, 'say').mockRejectedValueOnce(new FencedError('another agent'));
    const record = await world.context.journal.create(FIRST_PUSH, undefined);
    await world.context.installations.accept(FIRST_PUSH);
    if (when !== 'before its turn') await world.runAll();
    await cancel(record, 'hold').catch((error: unknown) => expect(error).toBeInstanceOf(FencedError));
    await world.begin(record);
    await world.runAll();
    const message = expect.stringContaining('cancelled by b while it was under way');
    expect(world.sent.at(-1)).toMatchObject({ state: 'cancelled', message });
  },
);
