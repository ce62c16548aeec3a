import type { FeedEvent, Installation, Operation } from '@steward/shared';
import { expect, it } from 'vitest';
import { Fleet, keptText, sortedInstallations, summary, type FleetRows } from './fleet.ts';

const NONE: FleetRows = { clusters: [], installations: [], operations: [] };

function installation(id: string, change: Partial<Installation> = {}): Installation {
  const row = { id, name: id, state: 'running', health: 'healthy', isStale: false, ...change };
  return row as Installation;
}
function changed(row: Installation): FeedEvent {
  return { id: '1-1', type: 'installation.changed', data: row };
}
function operation(id: string, createdAt: string): Operation {
  return { id, installationId: 'a', createdAt } as Operation;
}

it('keeps what the feed told while the lists were on their way', async () => {
  const fleet = new Fleet();
  const lists = Promise.withResolvers<FleetRows>();
  const loading = fleet.reload(() => lists.promise);
  fleet.apply(changed(installation('a', { health: 'unhealthy' })));
  lists.resolve({ ...NONE, installations: [installation('a'), installation('b')] });
  await loading;
  expect(summary(sortedInstallations(fleet))).toBe('1 unhealthy, 1 healthy');
});

it('of two loads at a time, only the one that began last counts', async () => {
  const fleet = new Fleet();
  const slow = Promise.withResolvers<FleetRows>();
  const first = fleet.reload(() => slow.promise);
  await fleet.reload(async () => ({ ...NONE, installations: [installation('new')] }));
  slow.resolve({ ...NONE, installations: [installation('old')] });
  await first;
  expect(sortedInstallations(fleet).map(({ id }) => id)).toEqual(['new']);
});

it('keeps what it knows when a load fails', async () => {
  const fleet = new Fleet();
  await fleet.reload(async () => ({ ...NONE, installations: [installation('a')] }));
  await expect(fleet.reload(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(sortedInstallations(fleet)).toHaveLength(1);
});

it('shows the newest operation of an installation, whatever order they come in', async () => {
  const fleet = new Fleet();
  await fleet.reload(async () => ({ ...NONE, operations: [operation('2', '2026-02'), operation('1', '2026-01')] }));
  expect(fleet.operations.get('a')?.id).toBe('2');
});

it('puts the worst first, silent clusters before healthy ones, and leaves out what is removed', () => {
  const fleet = new Fleet();
  for (const row of [
    installation('good'),
    installation('silent', { isStale: true }),
    installation('gone', { state: 'removed' }),
    installation('bad', { health: 'unhealthy' }),
  ])
    fleet.apply(changed(row));
  expect(sortedInstallations(fleet).map(({ id }) => id)).toEqual(['bad', 'silent', 'good']);
});

it('says what is kept of how an installation runs', () => {
  const replicas = { 'StatefulSet/db': 1, 'Deployment/web': 3 };
  expect(keptText({ runState: { stopped: true, replicas } })).toBe('stopped, Deployment/web at 3, StatefulSet/db at 1');
  expect(keptText({ runState: { stopped: false, replicas: {}, restartToken: 'x' } })).toBe('');
  const autoscale = { 'Deployment/web': { minimum: 2, maximum: 5, cpuPercent: 70 } };
  const resources = { 'Deployment/web/server': { memoryLimit: '1Gi' } };
  expect(keptText({ runState: { stopped: false, replicas: {}, autoscale, resources } })).toBe(
    'Deployment/web autoscaled from 2 to 5, Deployment/web/server resized',
  );
  expect(keptText({})).toBe('');
});
