import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DesiredState } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import type { ResultRecord } from '../../link/link.ts';
import { createLog } from '../../log.ts';
import { FIRST_PUSH } from '../../testing/desired-state.ts';
import { FakeApiServer, status, type SeenRequest } from '../../testing/fake-api-server.ts';
import { Journal } from './journal.ts';
import { FencedError, LostRecordError } from './operation-store.ts';

const id = '22222222-2222-4222-8222-222222222222';
const path = `/apis/steward.dev/v1alpha1/namespaces/ns/operations/op-${id}`;
const desired: DesiredState = {
  ...FIRST_PUSH,
  generation: 4,
  operation: { id, kind: 'upgrade', requestedBy: 'a', notAfter: '2030-01-01T00:00:00Z' },
};
const accepted = { state: 'accepted', phase: 'verify', message: 'accepted' } as const;
const running = { state: 'running', phase: 'apply', message: 'applying' } as const;
const ended = { state: 'succeeded', phase: 'done', message: 'done' } as const;

let server: FakeApiServer;
let end: AbortController;
let sent: ResultRecord[];
let nowMs: number;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  end = new AbortController();
  sent = [];
  nowMs = Date.parse('2026-01-01T00:00:00Z');
});
afterEach(async () => {
  end.abort();
  await server.stop();
});

async function openJournal(): Promise<Journal> {
  const journal = new Journal({
    kube: server.client(),
    link: { sendResult: (result) => void sent.push(result) },
    namespace: 'ns',
    now: () => new Date(nowMs),
    log: createLog({ write: () => {} }),
    signal: end.signal,
  });
  await journal.load();
  return journal;
}

function stored(): Record<string, unknown> {
  return server.object(path)?.['status'] as Record<string, unknown>;
}

describe('the journal', () => {
  it('tells a transition only when it is written', async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    server.intercept = ({ method }) => {
      if (method === 'PATCH') expect(sent).toEqual([]);
      return undefined;
    };
    await journal.move(record, accepted);
    expect(stored()).toMatchObject({ revision: 1, state: 'accepted' });
    expect(sent).toMatchObject([{ operationId: id, revision: 1, state: 'accepted' }]);
  });

  it('writes and tells a transition once when the answer to the write was lost', async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    let losses = 1;
    server.intercept = (request: SeenRequest) => {
      if (request.method !== 'PATCH' || losses === 0) return undefined;
      losses -= 1;
      const object = server.object(path);
      if (object) server.put(path, { ...object, ...(request.body as object), metadata: object.metadata } as KubeObject);
      return 'cut';
    };
    await journal.move(record, accepted);
    await journal.move(record, running);
    expect(stored()).toMatchObject({ revision: 2, state: 'running' });
    expect(sent.map(({ revision }) => revision)).toEqual([1, 2]);
  });

  it('writes one transition after the other, and none after the end', async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    const moves = [accepted, { state: 'cancelled', phase: 'done', message: 'no' } as const, running];
    const outcomes = await Promise.allSettled(moves.map((move) => journal.move(record, move)));
    expect(outcomes.map(({ status: outcome }) => outcome)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(sent.map(({ revision, state }) => `${revision} ${state}`)).toEqual(['1 accepted', '2 cancelled']);
    expect(stored()).toMatchObject({ revision: 2, state: 'cancelled' });
  });

  it('tries again while the API server is overloaded', async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    let refusals = 2;
    server.intercept = ({ method }) => {
      if (method !== 'PATCH' || refusals === 0) return undefined;
      refusals -= 1;
      return status(429, 'TooManyRequests');
    };
    await journal.move(record, accepted);
    expect(refusals).toBe(0);
    expect(stored()).toMatchObject({ revision: 1 });
  });

  it("goes on over a stranger's label, and not over another agent's transition", async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    await journal.move(record, accepted);
    const object = server.object(path);
    if (!object) throw new Error('not there');
    server.put(path, { ...object, metadata: { ...object.metadata, labels: { a: 'b' } } });
    await journal.move(record, running);
    const other = await openJournal();
    const theirs = other.find(id);
    if (!theirs) throw new Error('not loaded');
    await other.move(theirs, ended);
    await expect(journal.move(record, { ...running, phase: 'roll-out' })).rejects.toThrow(FencedError);
    expect(stored()).toMatchObject({ revision: 3, state: 'succeeded' });
    await journal.refresh('shop');
    expect(journal.unfinished('shop')).toEqual([]);
  });

  it('does not begin what a backup brought back without its status, and goes on with what it just wrote down', async () => {
    const namespace = '/api/v1/namespaces/ns';
    const metadata = { name: 'ns' };
    server.put(namespace, { apiVersion: 'v1', kind: 'Namespace', metadata });
    const first = await openJournal();
    const record = await first.create(desired, undefined);
    const second = await openJournal();
    expect(second.unfinished('shop')).toHaveLength(1);
    await second.move(record, accepted);
    const written = server.object(path);
    if (!written) throw new Error('not there');
    const { apiVersion, kind, spec } = written as KubeObject & { spec: unknown };
    server.put(path, { apiVersion, kind, metadata: written.metadata, spec });
    server.delete(namespace);
    server.put(namespace, { apiVersion: 'v1', kind: 'Namespace', metadata });
    const third = await openJournal();
    expect(third.unfinished('shop')).toEqual([]);
    expect(stored()).toMatchObject({
      state: 'failed',
      reason: 'lost-track',
      message: expect.stringContaining('restored from a backup'),
    });
    expect(third.highestGeneration(desired.installationId)).toBe(4);
    expect([second, third].map((one) => one.isRestored(desired.installationId))).toEqual([false, true]);
  });

  it('does not begin what was restored in its own place, also when it comes after the journal was read', async () => {
    const first = await openJournal();
    await first.create(desired, undefined);
    const written = server.object(path);
    if (!written) throw new Error('not there');
    const { apiVersion, kind, spec } = written as KubeObject & { spec: unknown };
    server.delete(path);
    const second = await openJournal();
    const creationTimestamp = new Date(nowMs + 3_600_000).toISOString();
    server.put(path, { apiVersion, kind, metadata: { name: `op-${id}`, namespace: 'ns', creationTimestamp }, spec });
    await second.create(desired, undefined);
    expect(second.unfinished('shop')).toEqual([]);
    expect(stored()).toMatchObject({ state: 'failed', reason: 'lost-track' });
    expect(await (await openJournal()).discover(id)).toBe(true);
    expect(stored()).toMatchObject({ revision: 1 });
  });

  it('takes over what an earlier life left, and tells all that is not confirmed', async () => {
    const first = await openJournal();
    const record = await first.create(desired, `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`);
    await first.move(record, accepted);
    first.onAcked(id, 1);
    await first.move(record, running);
    const second = await openJournal();
    expect(second.unfinished('shop').map(({ status: { state } }) => state)).toEqual(['running']);
    expect(second.find(id)?.spec.traceparent).toContain('1'.repeat(32));
    expect(second.unackedResults().map(({ revision }) => revision)).toEqual([2]);
    expect(second.highestGeneration(desired.installationId)).toBe(4);
  });

  it('answers the same operation again, also when its end was confirmed long ago', async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    await journal.move(record, accepted);
    await journal.move(record, running);
    await journal.move(record, ended);
    journal.onAcked(id, 3);
    await journal.stop();
    expect(stored()).toMatchObject({ ackedRevision: 3 });
    expect(journal.find(id)).toBeUndefined();
    expect(journal.has(id)).toBe(true);
    sent = [];
    await journal.repeat(id);
    expect(sent).toMatchObject([{ revision: 3, state: 'succeeded' }]);
  });

  it('writes a confirmation that comes while an earlier one is being written', async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    await journal.move(record, accepted);
    await journal.move(record, running);
    await journal.move(record, ended);
    journal.onAcked(id, 2);
    server.intercept = ({ method }) => {
      if (method === 'PATCH') journal.onAcked(id, 3);
      return undefined;
    };
    await journal.stop();
    await journal.stop();
    expect(stored()).toMatchObject({ ackedRevision: 3 });
  });

  it('removes what has ended, is confirmed and is old; nothing else', async () => {
    const journal = await openJournal();
    const ids = ['a', 'b'].map((letter) => id.replaceAll('2', letter));
    for (const each of ids) {
      const record = await journal.create({ ...desired, operation: { ...desired.operation, id: each } }, undefined);
      await journal.move(record, accepted);
      await journal.move(record, running);
      await journal.move(record, ended);
    }
    journal.onAcked(ids[0] ?? '', 3);
    await journal.stop();
    nowMs += 25 * 3_600_000;
    await journal.prune('shop');
    expect(ids.map((each) => server.object(path.replace(id, each)) !== undefined)).toEqual([false, true]);
    expect(journal.has(ids[1] ?? '')).toBe(true);
  });

  it('goes by its transitions where somebody wrote an end beside them, and takes that back with its next word', async () => {
    const first = await openJournal();
    const record = await first.create(desired, undefined);
    await first.move(record, accepted);
    await first.move(record, running);
    const object = server.object(path);
    if (!object) throw new Error('not there');
    const forged = { ...stored(), ...ended, revision: 9, ackedRevision: 9, finishedAt: '2026-01-01T00:00:00Z' };
    server.put(path, { ...object, status: forged });
    const second = await openJournal();
    const found = second.find(id);
    if (!found) throw new Error('it was believed');
    expect(found.status).toMatchObject({ state: 'running', phase: 'apply', revision: 2, ackedRevision: 2 });
    expect(found.altered).toMatchObject({ state: 'succeeded' });
    await second.move(found, running);
    expect(stored()).toMatchObject({ state: 'running', revision: 3 });
    expect(stored()['finishedAt'] ?? null).toBeNull();
  });

  it('writes an operation that has ended as it ended where somebody wrote that it goes on', async () => {
    const first = await openJournal();
    const record = await first.create(desired, undefined);
    for (const move of [accepted, running, ended]) await first.move(record, move);
    const object = server.object(path);
    if (!object) throw new Error('not there');
    server.put(path, { ...object, status: { ...stored(), state: 'running', phase: 'apply' } });
    const second = await openJournal();
    expect(second.unfinished('shop')).toEqual([]);
    expect(stored()).toMatchObject({ state: 'succeeded', phase: 'done', revision: 3 });
  });

  it('takes an operation that somebody made unreadable for one that is gone', async () => {
    const journal = await openJournal();
    const record = await journal.create(desired, undefined);
    await journal.move(record, accepted);
    const object = server.object(path);
    if (!object) throw new Error('not there');
    server.put(path, { ...object, status: { state: 'nonsense' } });
    await expect(journal.move(record, running)).rejects.toThrow(LostRecordError);
    expect(await journal.refresh('shop')).toEqual([record]);
  });

  it('leaves an operation alone that it cannot read', async () => {
    server.put(path, {
      apiVersion: 'steward.dev/v1alpha1',
      kind: 'Operation',
      metadata: { name: `op-${id}`, namespace: 'ns' },
      spec: { id: 'not an id' },
    });
    const journal = await openJournal();
    expect(journal.unfinishedIds()).toEqual([]);
    expect(server.object(path)).toBeDefined();
  });
});
