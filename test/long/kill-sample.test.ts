import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLanes, type OpenLanes } from '../support/kills/lanes-of-test.ts';
import { liveAll, type Report } from '../support/kills/lives.ts';
import type { Point, Stage } from '../support/kills/points.ts';

const agentIn = (stage: Stage, phase: string): Point => ({
  stage,
  victim: 'agent',
  moment: { at: 'journal', phase },
  downMs: 0,
});
/**
 * A death in each operation of two lives. The agent dies once in each phase, but for `approve`, in which it waits for a
 * person (test/outage/kills.test.ts). Every other step has its death in test/long/kill-matrix.test.ts.
 */
const LIVES: readonly (readonly Point[])[] = [
  [
    agentIn('install', 'verify'),
    agentIn('upgrade', 'pre-hooks'),
    agentIn('bad upgrade', 'roll-back'),
    { stage: 'rollback', victim: 'kube-apiserver', moment: { at: 'change', number: 9, side: 'after' }, downMs: 0 },
    { stage: 'uninstall', victim: 'hub', moment: { at: 'commit', number: 6, side: 'after' }, downMs: 0 },
  ],
  [
    agentIn('install', 'post-hooks'),
    agentIn('upgrade', 'settle'),
    agentIn('bad upgrade', 'roll-out'),
    agentIn('rollback', 'apply'),
    agentIn('uninstall', 'plan'),
  ],
];

let open: OpenLanes;
beforeAll(async () => {
  open = await openLanes(LIVES.length);
});
afterAll(() => open?.close());

it('a death in each phase of an operation leaves both sides agreed, and each effect made once', async () => {
  const reports: Report[] = [];
  const told = (report: Report): void => void reports.push(report);
  await liveAll(open.lanes, LIVES, { name: 'm', told });
  expect(reports.filter(({ failure }) => failure !== undefined)).toEqual([]);
  expect(reports.filter(({ hasKilled }) => !hasKilled)).toEqual([]);
  expect(reports).toHaveLength(LIVES.flat().length);
});
