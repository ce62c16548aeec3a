import { expect, it } from 'vitest';
import type { NamespaceHealth } from './health.ts';
import { MISSING_PATIENCE_MS, MissingWorkloads, withRemarks } from './missing-workloads.ts';

const nothing: NamespaceHealth = { health: 'healthy', reasons: [], workloads: [], recheckAtMs: undefined };
const there: NamespaceHealth = { ...nothing, workloads: [{ kind: 'Deployment', name: 'web', health: 'healthy' }] };

it('calls a workload that somebody deleted missing, after a moment, until it is back', () => {
  const missing = new MissingWorkloads();
  expect(missing.add(there, ['Deployment/web'], 0)).toEqual(there);
  expect(missing.add(nothing, ['Deployment/web'], 5)).toEqual({ ...nothing, recheckAtMs: 5 + MISSING_PATIENCE_MS });
  const sure = missing.add(nothing, ['Deployment/web'], 5 + MISSING_PATIENCE_MS);
  expect(sure).toMatchObject({ health: 'unhealthy', reasons: [{ code: 'Missing', object: 'Deployment/web' }] });
  expect(missing.add(there, ['Deployment/web'], 6 + MISSING_PATIENCE_MS)).toEqual(there);
  expect(missing.add(nothing, ['Deployment/web'], 7 + MISSING_PATIENCE_MS)).toMatchObject({ health: 'healthy' });
});

it('looks among all workloads, also those that a report has no room for', () => {
  const many = Array.from({ length: 300 }, (_, index) => ({
    kind: 'Pod',
    name: `p${index}`,
    health: 'healthy' as const,
  }));
  const crowded: NamespaceHealth = {
    ...nothing,
    workloads: [...many, { kind: 'StatefulSet', name: 'db', health: 'healthy' }],
  };
  const missing = new MissingWorkloads();
  missing.add(crowded, ['StatefulSet/db'], 0);
  const later = missing.add(crowded, ['StatefulSet/db'], MISSING_PATIENCE_MS);
  expect(later).toMatchObject({ health: 'healthy', reasons: [] });
  expect(later.workloads).toHaveLength(200);
});

it('says first why one is not made again, and not how to have it made anew', () => {
  const reasonOf = (code: string, object: string, message = code) => ({ code, object, message });
  const reasons = [reasonOf('Missing', 'Deployment/web', 'push'), reasonOf('Missing', 'StatefulSet/db', 'push')];
  const remarks = [reasonOf('Drift', 'Deployment/web'), reasonOf('RepairRefused', 'StatefulSet/db')];
  expect(withRemarks(reasons, remarks)).toEqual([
    reasonOf('RepairRefused', 'StatefulSet/db'),
    reasonOf('Missing', 'Deployment/web', 'push'),
    reasonOf('Missing', 'StatefulSet/db', 'somebody deleted it'),
    reasonOf('Drift', 'Deployment/web'),
  ]);
});
