import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { HealthState } from '@steward/shared';
import { belongingsOf } from '../collect/own-objects.ts';
import { FakeApiServer } from '../testing/fake-api-server.ts';
import { Monitors } from './monitors.ts';

let server: FakeApiServer;
beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await server.stop();
});

const quiet = {
  now: () => new Date(),
  onHealth: () => {},
  belongings: () => belongingsOf([], []),
  expected: () => [],
  remarks: () => [],
};

it('what nothing is watched of does not keep the others from having told all', async () => {
  const writeHealth = async (): Promise<void> => {};
  const monitors = new Monitors({ ...quiet, kube: server.client(), writtenHealth: () => undefined, writeHealth });
  monitors.watch({ id: '1', name: 'none', namespace: 'none' }, []);
  expect(monitors.haveAllTold()).toBe(true);
  monitors.watch({ id: '2', name: 'web', namespace: 'web' }, ['Deployment']);
  expect(monitors.haveAllTold()).toBe(false);
  await vi.waitFor(() => expect(monitors.haveAllTold()).toBe(true), { timeout: 5_000 });
  monitors.stop();
});

it('a health that could not be written is written later', async () => {
  let written: HealthState | undefined;
  const tries: HealthState[] = [];
  const monitors = new Monitors({
    ...quiet,
    kube: server.client(),
    writtenHealth: () => written,
    writeHealth: (_name, health) => {
      tries.push(health);
      // The first one fails, of which nothing is heard.
      if (tries.length > 1) written = health;
      return Promise.resolve();
    },
  });
  monitors.watch({ id: '1', name: 'web', namespace: 'web' }, ['Deployment']);
  await vi.waitFor(() => expect(tries).toHaveLength(1), { timeout: 5_000 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tries).toEqual(['healthy', 'healthy']);
  monitors.stop();
});
