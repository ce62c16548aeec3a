import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ChartHook } from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef, WatchOptions } from '../../kube/client.ts';
import { KubeError } from '../../kube/error.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import type { HookRecord } from '../../operations/journal/operation-object.ts';
import type { Run } from '../operation/run/run.ts';
import { done } from '../outcome.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { abandonHooksOf } from './abandon-hooks.ts';
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

interface Given {
  inventory: InventoryEntry[];
  hooks: HookRecord[];
  /** The agent ends then. */
  lastsMs: number;
}

/** An operation under way, in a cluster of which only this is said. */
function underWay(kube: object, { inventory = [], hooks, lastsMs = 4_000 }: Partial<Given> = {}) {
  const signal = AbortSignal.timeout(lastsMs);
  const installation = { name: 'shop', namespace: 'shop', status: { inventory, history: [] } };
  const context = {
    kube: { resourceOf: async () => ref, servedAs: async () => ref, ...kube } as unknown as KubeClient,
    config: { namespace: 'steward', fieldManager: 'steward-acme', organization: 'acme' },
    now: () => new Date(nowMs),
    journal: { note: vi.fn() },
    installations: { read: async () => installation, write: vi.fn() },
  };
  const record = { spec: { id: 'o', generation: 2, installation: 'shop' }, status: { state: 'running', hooks } };
  const run = { context, record, installation, signal, whileWorking: signal, move: vi.fn(), writeInventory: vi.fn() };
  return { run: run as unknown as Run, ...context };
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
  const labels = {
    'steward.dev/installation': 'shop',
    'steward.dev/organization': 'acme',
    'steward.dev/operation': 'o',
  };
  const live = { ...job, metadata: { ...job.metadata, uid: 'uid', labels } };
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

it('a hook is not made before its earlier run is gone with its pods, when that has not ended', async () => {
  const earlier = { ...made('migrate-earlier'), hook: 'Job/migrate' };
  const metadata = { name: earlier.name, uid: earlier.uid, creationTimestamp: at };
  const said: string[] = [];
  const kube = {
    get: async (_: ResourceRef, __: string, name: string) => {
      if (name !== earlier.name || said.length > 3) return undefined;
      const isGoing = said.includes('Foreground');
      if (isGoing) said.push('still there');
      return { ...job, spec: {}, metadata: { ...metadata, ...(isGoing && { deletionTimestamp: at }) } };
    },
    remove: async (_: ResourceRef, __: string, ___: string, how: { propagation: string }) => said.push(how.propagation),
    apply: async (object: KubeObject) => object,
    create: async (object: KubeObject) => (said.push('made'), object),
  };
  const untilEnd = vi.spyOn(HookWatch.prototype, 'untilEnd').mockResolvedValue(done(undefined));
  const { run } = underWay(kube, { inventory: [earlier] });
  await runHooks(run, set, { event: 'post-upgrade', phase: 'post-hooks', deadlineMs: nowMs + 60_000 });
  expect(said).toEqual(['Foreground', 'still there', 'still there', 'still there', 'made']);
  untilEnd.mockRestore();
});

describe('whether hooks have ended', () => {
  const view = (problem?: KubeError, never = true) => ({
    watch: ({ onProblem }: WatchOptions<unknown>) => {
      if (problem) onProblem?.(problem);
      return { objects: new Map(), synced: never ? new Promise<void>(() => {}) : Promise.resolve(), isCurrent: false };
    },
  });
  const refused = new KubeError('no', { status: 403, reason: 'Forbidden' });

  it.each([
    ['is not waited for where it may not be seen', view(refused), 60_000, false],
    ['is not known where it is not shown in time', view(), 20, false],
    [
      'is not known by what was seen before the watch broke',
      view(new KubeError('no', { status: 500, reason: 'x' }), false),
      60_000,
      false,
    ],
    ['shows where all can be seen', view(undefined, false), 60_000, true],
  ])('%s', async (_what, kube, patienceMs, expected) => {
    const watch = new HookWatch(underWay(kube).run, set.meta, nowMs, patienceMs);
    expect(await watch.haveEnded([made('migrate')])).toBe(expected);
    watch.stop();
  });

  it('is not waited for when the agent ends', async () => {
    const { run } = underWay(view(), { lastsMs: 20 });
    const watch = new HookWatch(run, set.meta, nowMs, 60_000);
    await expect(watch.haveEnded([made('migrate')])).rejects.toThrow('aborted');
    watch.stop();
  });
});

it('of an operation that is lost those that go on are removed, and stay known until they are seen gone', async () => {
  const inventory = [made('done'), made('made'), made('held'), made('before')];
  const hooks = [noted('done', 'succeeded'), noted('made', 'made'), noted('held', 'started')];
  const remove = vi.fn(async (_ref: ResourceRef, _namespace: string, name: string) => {
    if (name === 'held') throw new KubeError('no', { status: 403, reason: 'Forbidden' });
    return true;
  });
  const get = async (_: ResourceRef, __: string, name: string): Promise<object> => ({
    metadata: { uid: `uid of ${name}` },
  });
  const { run, installations } = underWay({ get, remove }, { inventory, hooks });
  await abandonHooksOf(run);
  expect(remove.mock.calls.map(([, , name]) => name)).toEqual(['made', 'held']);
  expect(installations.write).not.toHaveBeenCalled();
});
