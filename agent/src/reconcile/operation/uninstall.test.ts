import { describe, expect, it } from 'vitest';
import { KubeError } from '../../kube/error.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { inventoryKey } from '../plan/inventory.ts';
import { loadLastGood } from './last-good.ts';
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

describe('of a claim that somebody is deleting', () => {
  const deletionTimestamp = '2026-11-28T12:00:00Z';
  const spec = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] };
  const template = { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } };
  const set = { kind: 'StatefulSet', spec };
  const stopped = { kind: 'StatefulSet', spec: { ...spec, replicas: 0 } };
  const operated = { ...set, metadata: { ownerReferences: [{ kind: 'Database', name: 'a', uid: 'Database' }] } };
  const naming = { kind: 'Deployment', spec: { template } };
  const ended = { status: { conditions: [{ type: 'Complete', status: 'True' }] } };
  const itself = { metadata: { deletionTimestamp } };

  type Part = { kind: string; metadata?: object };
  /** Of an inventory of all of these but what has an owner, beside that claim. */
  async function planned(parts: readonly Part[], name: string, deleteVolumes = false): Promise<unknown> {
    const objects = parts.map((part) => {
      const metadata = { name: 'a', namespace: 'n', uid: part.kind, ...part.metadata };
      return { ...part, apiVersion: 'a.example/v1', metadata };
    });
    const metadata = { name, namespace: 'n', uid: 'v', deletionTimestamp };
    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata };
    const inventory = objects
      .filter(({ metadata }) => !('ownerReferences' in metadata))
      .map(({ kind }) => ({ group: 'a.example', version: 'v1', kind, namespace: 'n', name: 'a', uid: kind }));
    const found = (kind: string): object[] => [...objects, claim].filter((one) => one.kind === kind);
    const run = {
      record: { spec: { desired: { deleteVolumes } }, status: { state: 'accepted' } },
      installation: { name: 'shop', namespace: 'n', status: { history: [], inventory } },
      context: {
        now: () => new Date(),
        kube: {
          missingAccess: async () => [],
          list: async ({ kind }: { kind: string }) => found(kind),
          servedAs: async (one: object) => one,
          get: async ({ kind }: { kind: string }) => found(kind)[0],
        },
      },
    };
    const removal = await planRemoval(run as unknown as Run, AbortSignal.timeout(4_000));
    return removal.ok ? removal.value.stays.length : removal.failure.message;
  }

  const then = 'Then let it go: steward stop shop; and uninstall again';
  const instead = '. If nobody needs what is in its volumes: steward uninstall shop --delete-volumes';

  it.each([
    { of: 'that its StatefulSet made', parts: [set], claim: 'data-a-0', ways: then + instead },
    { of: "that its operator's StatefulSet made", parts: [{ kind: 'Database' }, operated], ways: then + instead },
    { of: "of somebody else's that it names", parts: [naming], claim: 'data', ways: then },
    { of: 'just so with its volumes', parts: [naming], claim: 'data', ways: then, deleteVolumes: true },
  ])('refuses to end the pods that keep one, with the ways out: $of', async (row) => {
    const { parts, claim = 'data-a-0', ways, deleteVolumes } = row;
    const end = await planned(parts, claim, deleteVolumes);
    expect(end).toContain(`PersistentVolumeClaim/${claim} is being deleted`);
    expect(end).toMatch(new RegExp(`${ways}$`));
  });

  it.each([
    { of: 'its pods have ended', parts: [stopped, { kind: 'ServiceMonitor' }] },
    {
      of: 'what has no count is stopped',
      parts: [{ ...naming, kind: 'DaemonSet', metadata: { annotations: { 'steward.dev/stopped': 'true' } } }],
      claim: 'data',
    },
    { of: 'its Job has ended', parts: [{ ...naming, kind: 'Job', ...ended }], claim: 'data' },
    { of: 'its pods end already', parts: [{ ...set, ...itself }] },
    { of: 'its operator ends them already', parts: [{ kind: 'Database', ...itself }, operated] },
    { of: 'it goes with its volumes', parts: [set], deleteVolumes: true },
  ])('goes on and does not say that it stays: $of', async ({ parts, claim = 'data-a-0', deleteVolumes }) => {
    expect(await planned(parts, claim, deleteVolumes)).toBe(0);
  });
});

const ENTRIES = {
  Ingress: 'networking.k8s.io',
  CronJob: 'batch',
  StatefulSet: 'apps',
  Deployment: 'apps',
  ConfigMap: '',
  PersistentVolumeClaim: '',
};
type Kind = keyof typeof ENTRIES;

/**
 * Of an uninstall whose first hooks are done: which of these kinds goes at once, hangs on a finalizer, or may not be deleted.
 * @param made by a hook when something of that went
 */
async function endOf(
  fates: Partial<Record<Kind, 'goes' | 'hangs' | 'is refused'>>,
  made: readonly Kind[] = [],
): Promise<{
  ends: unknown[];
  notes: unknown[];
  states: unknown[];
  deleted: Set<string>;
}> {
  let nowMs = Date.parse('2026-11-28T12:00:00.000Z');
  const entryOf = (kind: Kind) => ({ group: ENTRIES[kind], version: 'v1', kind, namespace: 'n', name: 'a', uid: 'u' });
  const inventory: InventoryEntry[] = Object.keys(fates).map((kind) => entryOf(kind as Kind));
  const deleted = new Set<string>();
  const fateOf = (kind: string): unknown => fates[kind as Kind];
  const ends: unknown[] = [];
  const notes: unknown[] = [];
  const states: unknown[] = [];
  const write = async ({ removalOf, state }: { removalOf?: string | null; state?: string }): Promise<void> => {
    if (removalOf !== undefined) notes.push(removalOf);
    if (state !== undefined) states.push(state);
  };
  const run = {
    kind: 'uninstall',
    kinds: ['uninstall'],
    title: 'uninstall',
    record: {
      spec: { desired: { deleteVolumes: false } },
      status: { state: 'running', phase: 'apply', reach: inventory.map(inventoryKey), deadlineAt: new Date(nowMs) },
    },
    installation: {
      name: 'shop',
      namespace: 'n',
      status: { state: 'running', version: '1.0.0', history: [{ renderRef: 'r' }], inventory, claimMakers: [] },
    },
    context: {
      now: () => new Date((nowMs += 1_000)),
      config: { fieldManager: 'f' },
      journal: { lookFor: async () => undefined },
      monitors: { end: () => undefined, watch: () => undefined },
      installations: { write: async (_: string, status: object) => write(status) },
      renders: {
        load: async () => ({ meta: { deadlineSeconds: 60 }, objects: [], hooks: [] }),
        remove: async () => {},
      },
      kube: {
        missingAccess: async () => [],
        list: async () => [],
        servedAs: async (one: object) => one,
        get: async ({ kind }: { kind: string }) => {
          if (deleted.has(kind) && fateOf(kind) !== 'hangs') return undefined;
          const deletionTimestamp = deleted.has(kind) ? new Date(nowMs).toISOString() : undefined;
          return { kind, metadata: { name: 'a', namespace: 'n', uid: 'u', deletionTimestamp } };
        },
        remove: async ({ kind }: { kind: string }) => {
          if (fateOf(kind) === 'is refused')
            throw new KubeError('admission webhook "no" denied the request', { status: 403, reason: 'Forbidden' });
          if (deleted.size === 0) inventory.push(...made.map((one) => ({ ...entryOf(one), hook: `${one}/a` })));
          deleted.add(kind);
        },
      },
    },
    write,
    move: async (move: { state: string }) => void (move.state === 'running' || ends.push(move)),
    span: (_: string, work: () => unknown) => work(),
    signal: AbortSignal.timeout(9_000),
  };
  await uninstall(run as unknown as Run);
  return { ends, notes, states, deleted };
}

const unfinished = { state: 'failed', message: expect.stringContaining('uninstall is not finished: ') };

it('leaves the version as one that runs when the first deletion is refused, and its first hooks run again', async () => {
  const { ends, notes, states } = await endOf({ StatefulSet: 'is refused', ConfigMap: 'goes' });
  const message = expect.stringContaining('denied the request. Nothing else was changed: 1.0.0 runs on');
  expect(ends).toMatchObject([{ state: 'failed', reason: 'apply-refused', message }]);
  expect(notes).toEqual(['r', null]);
  expect(states).toEqual([]);
});

it.each([
  { of: 'another object hangs', fates: { Ingress: 'hangs', Deployment: 'goes' }, notes: [] },
  { of: 'another object is gone', fates: { CronJob: 'goes', ConfigMap: 'is refused' }, notes: [] },
  {
    of: 'another one is gone when it is refused',
    fates: { Ingress: 'goes', Deployment: 'is refused' },
    notes: ['r', null],
  },
  { of: 'what runs hangs', fates: { StatefulSet: 'hangs', Deployment: 'goes' }, notes: ['r'] },
  { of: 'a part of what runs is gone', fates: { StatefulSet: 'goes', Deployment: 'is refused' }, notes: ['r'] },
] as const)(
  'leaves nothing that is said to run when anything went; its first hooks run again unless what runs did: $of',
  async ({ fates, notes }) => {
    const end = await endOf(fates);
    expect(end.ends).toMatchObject([unfinished]);
    expect(end.states).toEqual(['failed']);
    expect(end.notes).toEqual(notes);
  },
);

it('does not take a stored set for lost, and go without hooks, where it may not be read', async () => {
  const history = [{ renderRef: 'r' }];
  const context = { log: { warn: () => undefined }, renders: { load: refused } };
  const run = { context, installation: { status: { history } }, signal: AbortSignal.timeout(4_000) };
  await expect(loadLastGood(run as unknown as Run)).rejects.toMatchObject({ status: 403 });
});

it('keeps a claim that a hook after the removal made, as any other, and names it', async () => {
  const { ends, deleted } = await endOf({ Deployment: 'goes' }, ['PersistentVolumeClaim', 'ConfigMap']);
  const message = expect.stringContaining('kubectl --namespace n delete persistentvolumeclaim a');
  expect(ends).toMatchObject([{ state: 'succeeded', message }]);
  expect([...deleted]).toEqual(['Deployment', 'ConfigMap']);
});
