import { describe, expect, it } from 'vitest';
import { driftReasons, type DriftEntry } from '../operations/installation/drift-status.ts';
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

describe('what is said beside', () => {
  const reasonOf = (code: string, object: string, message = code) => ({ code, object, message });
  const missing = (object: string, message = 'push') => reasonOf('Missing', object, message);

  it.each(['RepairRefused', 'RepairPaused'])('begins with why one is not made again (%s), not how to', (code) => {
    const remarks = [reasonOf('Drift', 'Deployment/web'), reasonOf(code, 'StatefulSet/db')];
    expect(withRemarks([missing('Deployment/web'), missing('StatefulSet/db')], remarks)).toEqual([
      reasonOf(code, 'StatefulSet/db'),
      missing('Deployment/web'),
      missing('StatefulSet/db', 'somebody deleted it'),
      reasonOf('Drift', 'Deployment/web'),
    ]);
  });

  it('is bounded, and where many are not made again the advice to push stays away from each', () => {
    const names = (kind: string, count: number) => Array.from({ length: count }, (_, index) => `${kind}/${index}`);
    const [claims, sets] = [names('PersistentVolumeClaim', 3), names('StatefulSet', 6)];
    const entries = [...claims, ...sets].map((object): DriftEntry => ({
      key: object,
      object,
      state: 'refused',
      message: 'gone',
      fields: [],
      at: '',
    }));
    const remarks = [...driftReasons({ state: 'refused', message: '', entries }), reasonOf('MetricsUnavailable', 'x')];
    expect(
      withRemarks(
        [...sets, 'Deployment/web'].map((object) => missing(object)),
        remarks,
      ),
    ).toEqual([
      ...sets.slice(0, 5).map((object) => reasonOf('RepairRefused', object, 'gone')),
      ...sets.map((object) => missing(object, 'somebody deleted it')),
      missing('Deployment/web'),
      reasonOf('MetricsUnavailable', 'x'),
    ]);
  });
});
