import { expect, it } from 'vitest';
import type { InstallationHealth } from '@steward/shared';
import type { HealthReport } from '../link/link.ts';
import { Reports } from './reports.ts';

const HEALTHY: InstallationHealth = { health: 'healthy', reasons: [], workloads: [], since: '2026-11-29T00:00:00Z' };

/** Not whole yet; `told` is what the hub hears of health. */
function begun(): { reports: Reports; told: HealthReport[]; whole: () => void } {
  const told: HealthReport[] = [];
  let isWhole = false;
  const link = {
    reportHealth: (report: HealthReport) => void told.push(report),
    reportObserved: () => {},
    sendEvent: () => {},
  };
  return { reports: new Reports(link, 1, () => isWhole), told, whole: () => void (isWhole = true) };
}

it('says health in full only when all that are looked at have told theirs, and then once by itself', () => {
  const { reports, told, whole } = begun();
  expect(reports.full().health).toMatchObject({ full: false, set: {} });
  reports.setHealth('a', HEALTHY, undefined);
  whole();
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
  const { reports, told, whole } = begun();
  reports.full();
  whole();
  reports.endHealth('untold');
  reports.endHealth('untold');
  expect(told).toMatchObject([{ full: true, set: {} }]);
});
