import { expect, it } from 'vitest';
import { KubeError } from '../../kube/error.ts';
import type { Run } from './run/run.ts';
import { planRemoval } from './removal.ts';
import { uninstall } from './uninstall.ts';

const entry = { group: 'a.example', version: 'v1', kind: 'Gadget', namespace: 'n', name: 'a' };

/** Under way, and by which call it meets a webhook of that kind that does not answer. */
it.each(['get', 'servedAs'])('ends when its deadline is over and an API does not answer: %s', async (call) => {
  let nowMs = Date.parse('2026-11-28T12:00:00.000Z');
  const deadlineAt = new Date(nowMs).toISOString();
  const silent = async (): Promise<never> => {
    nowMs += 1;
    const message = 'conversion webhook for a.example/v2, Kind=Gadget failed: Post "https://a": no';
    throw new KubeError(message, { status: 500, reason: 'InternalError' });
  };
  const moves: object[] = [];
  const run = {
    kind: 'uninstall',
    title: 'uninstall',
    record: { spec: { desired: { deleteVolumes: false } }, status: { state: 'running', deadlineAt } },
    installation: { name: 'shop', namespace: 'n', status: { history: [], inventory: [entry], claimMakers: [] } },
    context: {
      now: () => new Date(nowMs),
      monitors: { end: () => undefined, watch: () => undefined },
      installations: { write: async () => undefined },
      kube: { missingAccess: async () => [], list: async () => [], servedAs: async () => entry, [call]: silent },
    },
    write: async () => undefined,
    move: async (move: object) => void moves.push(move),
    span: (_: string, work: () => unknown) => work(),
    signal: AbortSignal.timeout(4_000),
  };
  await uninstall(run as unknown as Run);
  expect(moves).toMatchObject([{ state: 'failed', message: expect.stringMatching(/not finished: .*Gadget\/a/) }]);
});

const refused = async (): Promise<never> => {
  throw new KubeError('gadgets "a" is forbidden: cannot get resource', { status: 403, reason: 'Forbidden' });
};

it.each([
  { of: 'what no grant names any more', status: { state: 'accepted' }, stays: ['a'] },
  { of: 'what came since the plan', status: { state: 'running', reach: [] }, stays: ['a'] },
  { of: 'what it was agreed to remove', status: { state: 'running', reach: ['a.example/Gadget n/a'] }, stays: [] },
])('of what may not be looked at, keeps all but what must go: $of', async ({ status, stays }) => {
  const run = {
    record: { spec: { desired: { deleteVolumes: true } }, status },
    installation: { name: 'shop', namespace: 'n', status: { history: [], inventory: [entry], claimMakers: [] } },
    context: {
      now: () => new Date(),
      kube: { missingAccess: async () => [], list: async () => [], servedAs: async () => entry, get: refused },
    },
  };
  const removal = await planRemoval(run as unknown as Run, AbortSignal.timeout(4_000));
  if (!removal.ok) throw new Error(removal.failure.message);
  expect(removal.value.stays.map(({ name }) => name)).toEqual(stays);
  expect(removal.value.goes).toHaveLength(1 - stays.length);
});

it.each([
  { kind: 'Ingress', of: 'something else hangs while the service runs on', notes: [] },
  { kind: 'StatefulSet', of: 'what runs begins to go', notes: ['r'] },
])('the hooks before it run again in the next try unless what they need went: $of', async ({ kind, notes }) => {
  let nowMs = Date.parse('2026-11-28T12:00:00.000Z');
  const first = { group: 'networking.k8s.io', version: 'v1', kind, namespace: 'n', name: 'a', uid: 'u' };
  const second = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'n', name: 'b', uid: 'u' };
  const written: unknown[] = [];
  const reach = [`networking.k8s.io/${kind} n/a`, 'apps/Deployment n/b'];
  const run = {
    kind: 'uninstall',
    kinds: ['uninstall'],
    title: 'uninstall',
    record: {
      spec: { desired: { deleteVolumes: false } },
      status: { state: 'running', phase: 'apply', reach, deadlineAt: new Date(nowMs).toISOString() },
    },
    installation: {
      name: 'shop',
      namespace: 'n',
      status: { state: 'running', history: [{ renderRef: 'r' }], inventory: [first, second], claimMakers: [] },
    },
    context: {
      now: () => new Date((nowMs += 1_000)),
      config: { fieldManager: 'f' },
      monitors: { end: () => undefined, watch: () => undefined },
      installations: { write: async () => undefined },
      renders: {
        load: async () => ({ meta: { deadlineSeconds: 60 }, objects: [], hooks: [] }),
        remove: async () => {},
      },
      kube: {
        missingAccess: async () => [],
        list: async () => [],
        servedAs: async (one: object) => one,
        // It hangs on its finalizer.
        get: async () => ({ kind, metadata: { name: 'a', namespace: 'n', uid: 'u' } }),
        remove: async () => true,
      },
    },
    write: async ({ removalOf }: { removalOf?: string }) => void (removalOf !== undefined && written.push(removalOf)),
    move: async () => undefined,
    span: (_: string, work: () => unknown) => work(),
    signal: AbortSignal.timeout(4_000),
  };
  await uninstall(run as unknown as Run);
  expect(written).toEqual(notes);
});
