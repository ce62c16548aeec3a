import { describe, expect, it } from 'vitest';
import { healthOf, PODS_PATIENCE_MS } from '../health.ts';
import { jobView } from './job.ts';
import { lacksPods, workloadView, type WorkloadView } from './workload.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');

function view(kind: WorkloadView['kind'], status: object, generation = 1): WorkloadView {
  const metadata = { name: 'db', uid: 'w', generation };
  const found = workloadView({
    apiVersion: 'apps/v1',
    kind,
    metadata,
    spec: { replicas: 2 },
    status: { observedGeneration: 1, ...status },
  });
  if (!found) throw new Error('it cannot be read');
  return found;
}

describe('a workload lacks pods', () => {
  const half = { replicas: 1, readyReplicas: 1, availableReplicas: 1 };
  it.each([
    ['a StatefulSet that should have made the next one', view('StatefulSet', half), true],
    ['one whose last one is not ready yet', view('StatefulSet', { ...half, availableReplicas: 0 }), false],
    ['one that has all', view('StatefulSet', { ...half, replicas: 2 }), false],
    ['one that was changed this moment', view('StatefulSet', half, 2), false],
    ['a Deployment, which says so itself', view('Deployment', half), false],
    ['a DaemonSet', view('DaemonSet', { desiredNumberScheduled: 2, currentNumberScheduled: 1 }), true],
  ])('%s', (_what, workload, lacks) => {
    expect(lacksPods(workload)).toBe(lacks);
  });
});

describe('the health of what has no pods', () => {
  const nothing = { pods: new Map(), workloads: [], jobs: new Map(), claims: new Map(), endpoints: new Map() };

  it('tells a StatefulSet after a moment, and says when to look again', () => {
    const set = { ...view('StatefulSet', {}), lacksPodsSinceMs: nowMs };
    const look = (atMs: number) => healthOf({ ...nothing, workloads: [new Map([['db', set]])] }, atMs);
    expect(look(nowMs)).toMatchObject({ reasons: [], recheckAtMs: nowMs + PODS_PATIENCE_MS });
    expect(look(nowMs + PODS_PATIENCE_MS)).toMatchObject({
      health: 'unhealthy',
      reasons: [{ code: 'PodsMissing', object: 'StatefulSet/db' }],
    });
  });

  it('tells a Job that never had one', () => {
    const job = (status: object): ReturnType<typeof jobView> =>
      jobView({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'load', uid: 'j', creationTimestamp: '2025-12-31T00:00:00Z' },
        status: { startTime: '2026-01-01T00:00:00Z', ...status },
      });
    const look = (status: object, atMs: number) =>
      healthOf({ ...nothing, jobs: new Map([['load', job(status) ?? never()]]) }, atMs);
    expect(look({}, nowMs)).toMatchObject({ health: 'progressing', recheckAtMs: nowMs + PODS_PATIENCE_MS });
    expect(look({}, nowMs + PODS_PATIENCE_MS)).toMatchObject({
      health: 'degraded',
      reasons: [{ code: 'PodsMissing', object: 'Job/load' }],
    });
    expect(look({ failed: 1 }, nowMs + PODS_PATIENCE_MS)).toMatchObject({ health: 'progressing', reasons: [] });
  });
});

function never(): never {
  throw new Error('it cannot be read');
}
