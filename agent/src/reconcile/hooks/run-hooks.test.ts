import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ChartHook } from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { KubeError } from '../../kube/error.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { FIRST_STATUS, type HookRecord } from '../../operations/journal/operation-object.ts';
import { MAX_TRANSITIONS, statusAfter, type Move } from '../../operations/journal/transition.ts';
import type { Run } from '../operation/run/run.ts';
import { done, failed } from '../outcome.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { endHooksOf } from './abandon-hooks.ts';
import { HookWatch } from './hook-watch.ts';
import { runHooks } from './run-hooks.ts';

const ref: ResourceRef = { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', namespaced: true };
const job: KubeObject = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate', namespace: 'shop' } };
const migrate: ChartHook = { object: job, events: ['post-upgrade'], weight: 0, deletePolicies: [] };
const permissions = [{ group: 'batch', kind: 'Job', verbs: ['get', 'list', 'watch', 'create', 'delete'] }];
const set = { objects: [], hooks: [migrate], meta: { permissions } } as unknown as ReleaseSet;
const at = '2026-01-01T00:00:00Z';
const nowMs = Date.parse(at);

function made(name: string, uid = `uid of ${name}`): InventoryEntry {
  return { group: 'batch', version: 'v1', kind: 'Job', namespace: 'shop', name, uid, hook: `Job/${name}` };
}

function noted(name: string, state: HookRecord['state']): HookRecord {
  return { event: 'post-upgrade', hook: `Job/${name}`, name, state, at };
}

const ownLabels = {
  'steward.dev/installation': 'shop',
  'steward.dev/organization': 'acme',
  'steward.dev/operation': 'o',
};

/** A Job that lives. */
function ofOperation(name: string, operation: string, status: object = {}): KubeObject {
  const labels = { 'steward.dev/operation': operation };
  const metadata = { name, namespace: 'shop', uid: `uid of ${name}`, creationTimestamp: at, labels };
  return { ...job, metadata, spec: {}, status };
}

interface Given {
  inventory: InventoryEntry[];
  hooks: HookRecord[];
}

/** An operation under way, in a cluster of which only this is said. */
function underWay(kube: object, { inventory = [], hooks }: Partial<Given> = {}) {
  const signal = AbortSignal.timeout(4_000);
  const installation = { name: 'shop', namespace: 'shop', status: { inventory, history: [] } };
  const context = {
    kube: { resourceOf: async () => ref, servedAs: async () => ref, ...kube } as unknown as KubeClient,
    config: { namespace: 'steward', fieldManager: 'steward-acme', organization: 'acme' },
    now: () => new Date(nowMs),
    journal: { note: vi.fn() },
    installations: { read: async () => installation, write: vi.fn() },
  };
  const record = { spec: { id: 'o', generation: 2, installation: 'shop' }, status: { state: 'running', hooks } };
  const move = vi.fn();
  const writeInventory = async (next: InventoryEntry[]): Promise<void> => void (installation.status.inventory = next);
  const run = { context, record, installation, signal, whileWorking: signal, move, writeInventory };
  return { run: run as unknown as Run, move, ...context };
}

describe('a hook that is refused before it has begun', () => {
  const refusals: [string, number, KubeError][] = [
    ['by a quota', 60_000, new KubeError('exceeded quota: few', { status: 403, reason: 'Forbidden' })],
    ['when the deadline is over', -1, new KubeError('no', { status: 503, reason: 'Status503' })],
  ];

  it.each(refusals)('%s fails, and is not among those that have run', async (_how, leftMs, error) => {
    const { run, journal } = underWay({ get: async () => undefined, apply: () => Promise.reject(error) });
    const options = { event: 'post-upgrade', phase: 'post-hooks', deadlineMs: nowMs + leftMs } as const;
    const outcome = await runHooks(run, set, options);
    const message = expect.stringContaining('post-upgrade hook Job/migrate: ');
    expect(outcome).toMatchObject({ ok: false, failure: { reason: 'hook-failed', message } });
    expect(journal.note).not.toHaveBeenCalled();
  });
});

describe('a hook that an earlier life of the agent began', () => {
  const live = { ...job, metadata: { ...job.metadata, uid: 'uid', labels: ownLabels } };
  const options = { event: 'post-upgrade', phase: 'post-hooks', deadlineMs: nowMs + 60_000 } as const;
  afterEach(() => vi.restoreAllMocks());

  it.each(['started', 'made'] as const)(
    'is followed when it is there, whatever the cluster refuses by now: %s',
    async (state) => {
      const apply = vi.fn(() =>
        Promise.reject(new KubeError('exceeded quota: few', { status: 403, reason: 'Forbidden' })),
      );
      const untilEnd = vi.spyOn(HookWatch.prototype, 'untilEnd').mockResolvedValue(done(undefined));
      const remove = vi.fn();
      const { run } = underWay({ get: async () => live, apply, remove }, { hooks: [noted('migrate', state)] });
      expect(await runHooks(run, set, options)).toEqual(done(undefined));
      expect(untilEnd.mock.calls).toMatchObject([[{ metadata: { name: 'migrate' } }, expect.anything()]]);
      expect(apply).not.toHaveBeenCalled();
      expect(remove).not.toHaveBeenCalled();
    },
  );
});

describe('a hook that is begun', () => {
  const earlier = made('migrate-earlier');
  const options = { event: 'post-upgrade', phase: 'post-hooks', deadlineMs: nowMs + 60_000 } as const;
  afterEach(() => vi.restoreAllMocks());

  /** What is said to the API server, where this is seen of the earlier run. */
  async function begin(hook: string, see: (said: string[]) => KubeObject | undefined): Promise<string[]> {
    const said: string[] = [];
    const kube = {
      get: async (_: ResourceRef, __: string, name: string) => (name === earlier.name ? see(said) : undefined),
      remove: async (_: ResourceRef, __: string, ___: string, how: { propagation: string }) =>
        said.push(how.propagation),
      apply: async (object: KubeObject) => object,
      create: async (object: KubeObject) => (said.push('made'), object),
    };
    vi.spyOn(HookWatch.prototype, 'untilEnd').mockResolvedValue(done(undefined));
    const { run } = underWay(kube, { inventory: [{ ...earlier, hook }] });
    await runHooks(run, set, options);
    return said;
  }

  it.each([
    ['its earlier run', 'Job/migrate'],
    ['what another version made under another name', 'Job/migrate-1-2-0'],
  ])('is not made before %s is gone with its pods, when that has not ended', async (_what, hook) => {
    const said = await begin(hook, (before) => {
      if (before.length > 3) return undefined;
      const live = ofOperation(earlier.name, 'earlier');
      if (!before.includes('Foreground')) return live;
      before.push('still there');
      return { ...live, metadata: { ...live.metadata, deletionTimestamp: at } };
    });
    expect(said).toEqual(['Foreground', 'still there', 'still there', 'still there', 'made']);
  });

  it('tells what it waits for, and in the end what to do about it', async () => {
    const live = ofOperation(earlier.name, 'earlier');
    Object.assign(live.metadata, { deletionTimestamp: at, finalizers: ['foregroundDeletion'] });
    const { run, move } = underWay(
      {
        get: async (_: ResourceRef, __: string, name: string) => (name === earlier.name ? live : undefined),
        apply: async (object: KubeObject) => object,
      },
      { inventory: [earlier] },
    );
    const outcome = await runHooks(run, set, { ...options, deadlineMs: nowMs - 1 });
    const waits =
      'post-upgrade hook Job/migrate (1 of 1) waits until Job/migrate-earlier, begun before it, is gone with its pods';
    expect(move.mock.calls).toEqual([[expect.objectContaining({ message: waits })]]);
    const message =
      'post-upgrade hook Job/migrate: Job/migrate-earlier did not go before the deadline: a pod has not ended. ' +
      'If its node is gone, remove it: kubectl --namespace shop delete pods -l job-name=migrate-earlier --force';
    expect(outcome).toEqual({ ok: false, failure: { reason: 'hook-failed', message } });
  });

  it.each([
    ['FailureTarget', 'Failed'],
    ['SuccessCriteriaMet', 'Complete'],
  ])(
    'is not made while pods of another one that says %s still end, which is not deleted for that',
    async (...types) => {
      let looks = 0;
      const said = await begin('Job/migrate-1-2-0', (before) => {
        const conditions = types.slice(0, looks < 3 ? 1 : 2).map((type) => ({ type, status: 'True' }));
        if (looks < 3) before.push('still ends');
        looks += 1;
        return ofOperation(earlier.name, 'earlier', { conditions });
      });
      expect(said).toEqual(['still ends', 'still ends', 'still ends', 'made']);
    },
  );

  it('leaves what another version made where it has ended', async () => {
    const status = { conditions: [{ type: 'Complete', status: 'True' }] };
    expect(await begin('Job/migrate-1-2-0', () => ofOperation(earlier.name, 'earlier', status))).toEqual(['made']);
  });

  it('is not held up by a kind that the grant names no longer', async () => {
    const hidden = (): never => {
      throw new KubeError('no', { status: 403, reason: 'Forbidden' });
    };
    expect(await begin('Pod/check', hidden)).toEqual(['made']);
  });

  it('pushes no plan out of what is kept to be told, however often it is tried', async () => {
    const echo = async (object: KubeObject): Promise<KubeObject> => object;
    const { run, move } = underWay({ get: async () => undefined, apply: echo, create: echo });
    const asked: Move = {
      state: 'accepted',
      phase: 'plan',
      message: 'the plan',
      tellsPlan: true,
      also: { plan: { digest: 'p', summary: '', changes: [] } },
    };
    let status = statusAfter(FIRST_STATUS, asked, new Date(nowMs));
    move.mockImplementation((next: Move) => void (status = statusAfter(status, next, new Date(nowMs))));
    vi.spyOn(HookWatch.prototype, 'untilEnd').mockImplementation(async (_, tell) => {
      for (let tries = 1; tries <= MAX_TRANSITIONS; tries += 1) await tell(`was tried ${tries} times`);
      return done(undefined);
    });
    expect(await runHooks(run, set, options)).toEqual(done(undefined));
    expect(status.transitions).toHaveLength(MAX_TRANSITIONS);
    expect(status.transitions[0]).toMatchObject({ revision: 1, planDigest: 'p' });
  });
});

describe('a hook of a way back', () => {
  const options = { event: 'post-upgrade', phase: 'roll-back', deadlineMs: nowMs + 60_000 } as const;
  afterEach(() => vi.restoreAllMocks());

  it.each(['succeeded', 'failed'] as const)(
    'is not the one of that name that %s at the same moment before',
    async (state) => {
      const before = { ...noted('migrate', state), isBeforeWayBack: true };
      const untilEnd = vi.spyOn(HookWatch.prototype, 'untilEnd').mockResolvedValue(done(undefined));
      const { run, journal } = underWay(
        {
          get: async () => undefined,
          apply: async (object: KubeObject) => object,
          create: async (object: KubeObject) => object,
        },
        { hooks: [before] },
      );
      expect(await runHooks(run, set, options)).toEqual(done(undefined));
      expect(untilEnd).toHaveBeenCalledOnce();
      expect(journal.note.mock.calls.at(-1)).toMatchObject([run.record, { hooks: [before, { state: 'succeeded' }] }]);
    },
  );

  it('is found again by the next life of the agent, also where an older one began it', async () => {
    const untilEnd = vi.spyOn(HookWatch.prototype, 'untilEnd').mockResolvedValue(done(undefined));
    const [before, own] = [
      noted('migrate', 'failed'),
      { ...noted('migrate', 'made'), name: 'migrate-by-an-older-one' },
    ];
    const { run } = underWay(
      { get: async () => ({ ...job, metadata: { ...job.metadata, name: own.name, labels: ownLabels } }) },
      { hooks: [{ ...before, isBeforeWayBack: true }, own] },
    );
    expect(await runHooks(run, set, options)).toEqual(done(undefined));
    expect(untilEnd.mock.calls).toMatchObject([[{ metadata: { name: own.name } }, expect.anything()]]);
  });
});

describe('a hook that failed, and is to be removed then', () => {
  const conditions = [{ type: 'Failed', status: 'True' }];
  const options = { event: 'post-upgrade', phase: 'post-hooks', deadlineMs: nowMs + 60_000 } as const;
  const hookFailed = { ...set, hooks: [{ ...migrate, deletePolicies: ['hook-failed'] }] } as unknown as ReleaseSet;
  afterEach(() => vi.restoreAllMocks());

  it.each([
    ['goes with its pods and stays known until it is gone with them', {}, {}, ['Foreground'], ['migrate']],
    [
      'is left to go with its pods, also where it says that it failed',
      { deletionTimestamp: at, finalizers: ['foregroundDeletion'] },
      { conditions },
      [],
      ['migrate'],
    ],
    [
      'goes with its pods, also where it says that it fails and they still end',
      {},
      { conditions: [{ type: 'FailureTarget', status: 'True' }] },
      ['Foreground'],
      ['migrate'],
    ],
    ['goes at once when it has ended', {}, { conditions }, ['Background'], []],
  ])('%s', async (_what, metadata, status, deletions, known) => {
    let live: KubeObject = { ...ofOperation('migrate', 'o', status) };
    live = { ...live, metadata: { ...live.metadata, ...metadata } };
    const said: string[] = [];
    const remove = async (_: ResourceRef, __: string, ___: string, { propagation }: { propagation: string }) => {
      said.push(propagation);
      live = { ...live, metadata: { ...live.metadata, deletionTimestamp: at } };
    };
    const { run } = underWay(
      { get: async () => live, remove },
      { inventory: [made('migrate')], hooks: [noted('migrate', 'made')] },
    );
    vi.spyOn(HookWatch.prototype, 'untilEnd').mockResolvedValue(failed('rollout-deadline', 'it is still running'));
    expect(await runHooks(run, hookFailed, options)).toMatchObject({ failure: { reason: 'hook-failed' } });
    expect(said).toEqual(deletions);
    expect(run.installation.status.inventory.map(({ name }) => name)).toEqual(known);
  });
});

it('a hook that failed while its pods still end is kept, to be looked at', async () => {
  const remove = vi.fn();
  const live = ofOperation('migrate', 'o', { conditions: [{ type: 'FailureTarget', status: 'True' }] });
  const hooks = [noted('migrate', 'failed')];
  const { run } = underWay({ get: async () => live, remove }, { inventory: [made('migrate')], hooks });
  const options = { event: 'post-upgrade', phase: 'post-hooks', deadlineMs: nowMs + 60_000 } as const;
  expect(await runHooks(run, set, options)).toMatchObject({ failure: { reason: 'hook-failed' } });
  expect(remove).not.toHaveBeenCalled();
});

it('of an operation that goes no further those that go on are ended, and stay known until they are seen gone', async () => {
  const complete = { conditions: [{ type: 'Complete', status: 'True' }] };
  const live = new Map(
    [
      ofOperation('done', 'o', complete),
      ofOperation('made', 'o'),
      ofOperation('held', 'o'),
      ofOperation('of another', 'p'),
    ].map((object) => [object.metadata.name, object]),
  );
  const said: [string, string][] = [];
  const remove = async (_: ResourceRef, __: string, name: string, { propagation }: { propagation: string }) => {
    said.push([name, propagation]);
    if (name === 'held') throw new KubeError('no', { status: 422, reason: 'Invalid' });
    live.delete(name);
  };
  const get = async (_: ResourceRef, __: string, name: string) => live.get(name);
  const inventory = [...live.keys(), 'gone'].map((name) => made(name));
  const { run, installations } = underWay({ get, remove }, { inventory });
  await endHooksOf(run.context, run.installation, { operation: 'o', signal: run.signal });
  expect(said).toEqual([
    ['made', 'Foreground'],
    ['held', 'Foreground'],
  ]);
  expect(installations.write).not.toHaveBeenCalled();
});
