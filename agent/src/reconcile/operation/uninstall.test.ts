import { expect, it } from 'vitest';
import { KubeError } from '../../kube/error.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { inventoryKey } from '../plan/inventory.ts';
import { loadLastGood } from './last-good.ts';
import type { Run } from './run/run.ts';
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

const ENTRIES = {
  Ingress: 'networking.k8s.io',
  CronJob: 'batch',
  Job: 'batch',
  StatefulSet: 'apps',
  Deployment: 'apps',
  ConfigMap: '',
  PersistentVolumeClaim: '',
};
type Kind = keyof typeof ENTRIES;

interface Given {
  deleteVolumes?: boolean;
  waves?: Partial<Record<Kind, string>>;
  /** What a hook has run, in an earlier operation unless it is one after this. */
  ofHook?: Kind;
  isAfter?: boolean;
  /** What owns the claim that all of these use. */
  owner?: Kind;
  /** By its annotation. */
  stays?: Kind;
  /** Somebody has deleted it before. */
  isGoing?: Kind;
}

/**
 * Of an uninstall whose first hooks are done, and whose time is over: which of these kinds goes at once, or is there for two more looks,
 * hangs on a finalizer, may not be deleted, or not be looked at once it is.
 * @param made by a hook when something of that went
 */
async function endOf(
  fates: Partial<Record<Kind, 'goes' | 'goes late' | 'hangs' | 'is refused' | 'is hidden'>>,
  made: readonly Kind[] = [],
  { deleteVolumes = false, waves = {}, ofHook, isAfter = false, owner, stays, isGoing }: Given = {},
): Promise<{
  ends: unknown[];
  notes: unknown[];
  states: unknown[];
  deleted: Set<string>;
}> {
  let nowMs = Date.parse('2026-11-28T12:00:00.000Z');
  const entryOf = (kind: Kind) => ({
    group: ENTRIES[kind],
    version: 'v1',
    kind,
    namespace: 'n',
    name: 'a',
    uid: kind,
    ...(kind === ofHook && { hook: `${kind}/a` }),
  });
  const spec = { template: { spec: { volumes: [{ persistentVolumeClaim: { claimName: 'a' } }] } } };
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: owner, name: 'a', uid: owner }];
  const claim = { name: 'a', namespace: 'n', uid: 'PersistentVolumeClaim', ...(owner && { ownerReferences }) };
  const claims = (): object[] =>
    owner || fates.PersistentVolumeClaim
      ? [
          {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { ...claim, ...going('PersistentVolumeClaim'), ...(owner && going(owner)) },
          },
        ]
      : [];
  const inventory: InventoryEntry[] = Object.keys(fates).map((kind) => entryOf(kind as Kind));
  const deleted = new Set<string>(isGoing && [isGoing]);
  const going = (kind: string) => (deleted.has(kind) ? { deletionTimestamp: new Date(nowMs).toISOString() } : {});
  let looks = 0;
  const isThere = (kind: string): boolean =>
    !deleted.has(kind) || fateOf(kind) === 'hangs' || (fateOf(kind) === 'goes late' && (looks += 1) < 3);
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
      spec: { desired: { deleteVolumes } },
      status: {
        state: 'running',
        phase: 'apply',
        reach: inventory.map(inventoryKey),
        deadlineAt: new Date(nowMs),
        hooks: isAfter ? [{ event: 'post-delete', name: 'a', state: 'made' }] : [],
      },
    },
    installation: {
      name: 'shop',
      namespace: 'n',
      status: { state: 'running', version: '1.0.0', history: [{ renderRef: 'r' }], inventory, claimMakers: [] },
    },
    context: {
      now: () => new Date((nowMs += 25_000)),
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
        list: async ({ kind }: { kind: string }) => (kind === 'PersistentVolumeClaim' ? claims() : []),
        servedAs: async (one: object) => one,
        get: async ({ kind }: { kind: string }) => {
          if (deleted.has(kind) && fateOf(kind) === 'is hidden') return refused();
          if (!isThere(kind)) return undefined;
          const wave = waves[kind as Kind];
          const annotations = {
            ...(wave !== undefined && { 'steward.dev/wave': wave }),
            ...(kind === stays && { 'helm.sh/resource-policy': 'keep' }),
          };
          const owners = kind === 'PersistentVolumeClaim' && owner ? { ownerReferences } : {};
          const metadata = { name: 'a', namespace: 'n', uid: kind, annotations, ...going(kind), ...owners };
          return { kind, metadata, spec };
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

it('removes claims after the pods that hold them, in whatever wave these are', async () => {
  const fates = { PersistentVolumeClaim: 'goes', StatefulSet: 'goes', Deployment: 'goes' } as const;
  const { deleted } = await endOf(fates, [], { deleteVolumes: true, waves: { StatefulSet: '-1' } });
  expect([...deleted]).toEqual(['Deployment', 'StatefulSet', 'PersistentVolumeClaim']);
});

it('notes that all is removed where nothing of it runs by itself: its first hooks need what is gone', async () => {
  const { notes } = await endOf({ CronJob: 'goes', ConfigMap: 'goes' });
  expect(notes).toEqual(['r', null]);
});

it.each<{ of: string; given: Given; order: Kind[] }>([
  { of: 'goes', given: { deleteVolumes: true }, order: ['StatefulSet', 'Job', 'PersistentVolumeClaim'] },
  { of: 'stays', given: {}, order: ['StatefulSet', 'Job'] },
  {
    of: 'goes, and it may still run',
    given: { deleteVolumes: true, isAfter: true },
    order: ['StatefulSet', 'PersistentVolumeClaim', 'Job'],
  },
])('removes what a hook has run, which holds its claim also when it has ended, where that $of', async (one) => {
  const waves = { StatefulSet: '1' };
  const fates = { PersistentVolumeClaim: 'goes', StatefulSet: 'goes', Job: 'goes' } as const;
  const { deleted } = await endOf(fates, [], { ...one.given, waves, ofHook: 'Job' });
  expect([...deleted]).toEqual(one.order);
});

it.each([
  { owner: 'StatefulSet', order: ['Deployment', 'StatefulSet', 'ConfigMap'] },
  { owner: undefined, order: ['StatefulSet', 'Deployment', 'ConfigMap'] },
] as const)('removes what uses a claim before what owns it, which goes only with that: $owner', async (one) => {
  const fates = { StatefulSet: 'goes', Deployment: 'goes', ConfigMap: 'goes' } as const;
  const { deleted } = await endOf(fates, [], one.owner && { owner: one.owner });
  expect([...deleted]).toEqual(one.order);
});

it('gives what goes a minute at least, however late it is when the agent is back', async () => {
  const { ends } = await endOf({ StatefulSet: 'goes late', ConfigMap: 'goes' });
  expect(ends).toMatchObject([{ state: 'succeeded' }]);
});

it('does not take for gone what may not be looked at any more', async () => {
  const { ends, deleted } = await endOf({ StatefulSet: 'is hidden', ConfigMap: 'goes' });
  const message = expect.stringContaining('may not look at StatefulSet/a any more');
  expect(ends).toMatchObject([{ state: 'failed', reason: 'missing-rights', message }]);
  expect([...deleted]).toEqual(['StatefulSet']);
});

it.each([
  {
    of: 'a claim',
    fates: { PersistentVolumeClaim: 'hangs' },
    given: { deleteVolumes: true },
    more: 'without waiting for it',
  },
  {
    of: 'what owns one',
    fates: { StatefulSet: 'hangs' },
    given: { owner: 'StatefulSet' },
    more: 'uninstall again then$',
  },
  {
    of: 'what owns one that is to go',
    fates: { StatefulSet: 'hangs' },
    given: { owner: 'StatefulSet', deleteVolumes: true },
    more: 'uninstall again then$',
  },
] as const)('says who knows what holds it up, where that is a pod: $of', async ({ fates, given, more }) => {
  const { ends } = await endOf(fates, [], given);
  const look = 'describe persistentvolumeclaim a names it';
  expect(ends).toMatchObject([{ message: expect.stringMatching(`${look}.*${more}`) }]);
});

it('keeps the claims of what stays, also when volumes are to go', async () => {
  const fates = { StatefulSet: 'goes', PersistentVolumeClaim: 'goes', ConfigMap: 'goes' } as const;
  const { ends, deleted } = await endOf(fates, [], { deleteVolumes: true, stays: 'StatefulSet' });
  expect([...deleted]).toEqual(['ConfigMap']);
  const message = expect.stringMatching(/delete persistentvolumeclaim a[^]*delete statefulset a/);
  expect(ends).toMatchObject([{ state: 'succeeded', message }]);
});

it('names a claim that somebody is deleting though nothing that goes uses it', async () => {
  const fates = { PersistentVolumeClaim: 'hangs', Ingress: 'goes' } as const;
  const { ends } = await endOf(fates, [], { isGoing: 'PersistentVolumeClaim' });
  const message = expect.stringContaining('A claim that is being deleted goes');
  expect(ends).toMatchObject([{ state: 'succeeded', message }]);
});
