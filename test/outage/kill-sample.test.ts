import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLanes, type OpenLanes } from '../support/kills/lanes-of-test.ts';
import { liveAll, type Report } from '../support/kills/lives.ts';
import type { Point } from '../support/kills/points.ts';

/** A death in each operation of one life, at steps that nobody hits by waiting; all of them are in test/long/kill-matrix.test.ts. */
const POINTS: readonly Point[] = [
  { stage: 'install', victim: 'agent', moment: { at: 'change', number: 14, side: 'after' }, downMs: 0 },
  { stage: 'upgrade', victim: 'helm', moment: { at: 'render', afterMs: 5 }, downMs: 0 },
  { stage: 'bad upgrade', victim: 'agent', moment: { at: 'change', number: 26, side: 'before' }, downMs: 0 },
  { stage: 'rollback', victim: 'kube-apiserver', moment: { at: 'change', number: 9, side: 'after' }, downMs: 0 },
  { stage: 'uninstall', victim: 'agent', moment: { at: 'change', number: 7, side: 'before' }, downMs: 0 },
];

let open: OpenLanes;
beforeAll(async () => {
  open = await openLanes(1);
});
afterAll(() => open?.close());

it('a death at a step of each operation leaves both sides agreed, and each effect made once', async () => {
  const reports: Report[] = [];
  await liveAll(open.lanes, [POINTS], (report) => reports.push(report));
  expect(reports.filter(({ failure }) => failure !== undefined)).toEqual([]);
  expect(reports).toHaveLength(POINTS.length);
  // A helm may be done before it is found.
  const dead = reports.filter(({ hasKilled, words }) => hasKilled || words.includes('helm'));
  expect(dead).toHaveLength(POINTS.length);
});
