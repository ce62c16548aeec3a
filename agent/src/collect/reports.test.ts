import { expect, it } from 'vitest';
import type { InstallationHealth } from '@steward/shared';
import type { HealthReport } from '../link/link.ts';
import { Reports } from './reports.ts';

const HEALTHY: InstallationHealth = { health: 'healthy', reasons: [], workloads: [], since: '2026-11-29T00:00:00Z' };

it('says health in full only when all that are looked at have told theirs, and then once by itself', () => {
  const told: HealthReport[] = [];
  let isWhole = false;
  const link = {
    reportHealth: (report: HealthReport) => void told.push(report),
    reportObserved: () => {},
    sendEvent: () => {},
  };
  const reports = new Reports(link, 1, () => isWhole);
  expect(reports.full().health).toMatchObject({ full: false, set: {} });
  reports.setHealth('a', HEALTHY, undefined);
  isWhole = true;
  reports.setHealth('b', HEALTHY, undefined);
  reports.setHealth('c', HEALTHY, undefined);
  expect(told.map(({ full, set }) => [full, Object.keys(set)])).toEqual([
    [false, ['a']],
    [true, ['a', 'b']],
    [false, ['c']],
  ]);
  expect(reports.full().health).toMatchObject({ full: true, set: { a: HEALTHY, b: HEALTHY, c: HEALTHY } });
});

it('says health in full too when the last that had not told goes away untold', () => {
  const told: HealthReport[] = [];
  let isWhole = false;
  const link = {
    reportHealth: (report: HealthReport) => void told.push(report),
    reportObserved: () => {},
    sendEvent: () => {},
  };
  const reports = new Reports(link, 1, () => isWhole);
  reports.full();
  isWhole = true;
  reports.endHealth('untold');
  reports.endHealth('untold');
  expect(told).toMatchObject([{ full: true, set: {} }]);
});
