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

it('says why one is not made again instead of how to have it made anew', () => {
  const ofObject = (code: string, object: string) => ({ code, object, message: code });
  const reasons = [ofObject('Missing', 'StatefulSet/db'), ofObject('Missing', 'Deployment/web')];
  const remarks = [ofObject('RepairRefused', 'StatefulSet/db'), ofObject('Drift', 'Deployment/web')];
  expect(withRemarks(reasons, remarks).map(({ code, object }) => `${code} ${object}`)).toEqual([
    'Missing Deployment/web',
    'RepairRefused StatefulSet/db',
    'Drift Deployment/web',
  ]);
});
