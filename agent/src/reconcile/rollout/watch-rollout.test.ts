import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { NamespaceView } from '../../collect/namespace-view.ts';
import type { JobView } from '../../collect/objects/job.ts';
import type { KubeClient } from '../../kube/client.ts';
import { watchRollout, type RolloutOptions } from './watch-rollout.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const objects = ['a', 'b'].map((name) => ({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name } }));

/** A roll-out of two Jobs of which nothing is there yet. */
function rolloutOfJobs(
  lastsMs: number,
  { synced = async () => undefined, ...also }: Partial<RolloutOptions & Pick<NamespaceView, 'synced'>> = {},
) {
  const jobs = new Map<string, JobView>();
  let onChange = (): void => undefined;
  const view = {
    objects: { jobs, pods: new Map(), workloads: [], claims: new Map(), endpoints: new Map() },
    synced,
    subscribe: (listener: () => void) => {
      onChange = listener;
      return () => undefined;
    },
  };
  const told: { atMs: number; text: string }[] = [];
  const startedMs = Date.now();
  const outcome = watchRollout({
    kube: {} as KubeClient,
    view: view as unknown as NamespaceView,
    namespace: 'shop',
    objects,
    meta: { permissions: [], settleSeconds: 0 },
    startedMs,
    deadlineMs: startedMs + lastsMs,
    isOverFailed: false,
    evicts: false,
    now: () => new Date(),
    onProgress: async ({ done, waiting }) => {
      told.push({ atMs: Date.now() - startedMs, text: [done, ...waiting].join(' ') });
    },
    onSettling: async () => undefined,
    removePod: async () => ({ ok: true, value: undefined }),
    lookForOperation: async () => undefined,
    signal: new AbortController().signal,
    ...also,
  });
  const turn = (name: string, state: JobView['state'] | undefined): void => {
    if (state === undefined) jobs.delete(name);
    else jobs.set(name, { name, state } as JobView);
    onChange();
  };
  return { told, outcome, turn };
}

it('tells other numbers at once, and other reasons with the same numbers after ten seconds', async () => {
  const { told, outcome, turn } = rolloutOfJobs(60_000);
  await vi.advanceTimersByTimeAsync(1_000);
  turn('a', 'active');
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told.map(({ text }) => text)).toEqual([
    '0 Job/a: has not started Job/b: has not started',
    '0 Job/a: is still running Job/b: has not started',
  ]);
  expect(told[1]?.atMs).toBeGreaterThanOrEqual(10_000);
  expect(told[1]?.atMs).toBeLessThan(10_100);
  turn('a', 'complete');
  await vi.advanceTimersByTimeAsync(100);
  expect(told.at(-1)).toMatchObject({ text: '1 Job/b: has not started' });
  turn('b', 'complete');
  await vi.advanceTimersByTimeAsync(100);
  expect(await outcome).toMatchObject({ ok: true });
});

it('tells reasons that change for ever ever less often', async () => {
  const { told, outcome, turn } = rolloutOfJobs(86_400_000);
  for (let minute = 0; minute <= 24 * 60; minute += 1) {
    turn('a', minute % 2 === 0 ? 'active' : undefined);
    await vi.advanceTimersByTimeAsync(60_000);
  }
  expect(await outcome).toMatchObject({ failure: { reason: 'rollout-deadline' } });
  expect(told.length).toBeGreaterThan(20);
  expect(told.length).toBeLessThan(120);
});

it.each([
  ['while it waits', async () => undefined],
  ['while its watches are opened', () => new Promise<void>(() => undefined)],
])('ends within seconds when its operation is gone, %s', async (_, synced) => {
  const lost = new Error('somebody deleted it');
  const lookForOperation = (): Promise<void> => (Date.now() < goneMs ? Promise.resolve() : Promise.reject(lost));
  const goneMs = Date.now() + 4_000;
  const { outcome } = rolloutOfJobs(3_600_000, { lookForOperation, synced });
  const ended = expect(outcome).rejects.toBe(lost);
  await vi.advanceTimersByTimeAsync(6_000);
  await ended;
});

it('ends well though its operation is gone when everything is ready already', async () => {
  const meta = { permissions: [], settleSeconds: 30 };
  const { outcome, turn } = rolloutOfJobs(3_600_000, {
    meta,
    lookForOperation: () => Promise.reject(new Error('gone')),
  });
  turn('a', 'complete');
  turn('b', 'complete');
  await vi.advanceTimersByTimeAsync(31_000);
  expect(await outcome).toMatchObject({ ok: true });
});
