import { describe, expect, it } from 'vitest';
import type { DriftEntry } from '../../operations/installation/drift-status.ts';
import { CONTEST_WINDOW_MS, driftStatus, judge, repaired, type Finding, type Judged } from './ledger.ts';

const at = (minutes: number): Date => new Date(Date.parse('2026-11-28T12:00:00.000Z') + minutes * 60_000);
const change = (...path: string[]): Finding['changes'][number] => ({ path, shown: path.join('.'), isUnset: false });
const found = (finding: Partial<Finding> = {}): Finding => ({
  key: 'apps/Deployment n/web',
  object: 'Deployment/web',
  what: 'changed',
  changes: [change('spec', 'replicas')],
  by: 'kubectl-edit',
  ...finding,
});
const same = found({ what: 'same', changes: [] });
const gone = found({ what: 'gone', changes: [] });
const may = (minutes: number): Parameters<typeof judge>[2] => ({ mayRepair: true, why: '', now: at(minutes) });
const mayNot = { mayRepair: false, why: 'frozen', now: at(0) };

/** Found and put right. */
function round(before: readonly DriftEntry[], finding: Finding, minutes: number): Judged {
  const judged = judge(before, [finding], may(minutes));
  const outcomes = new Map(judged.repairs.map(({ key }) => [key, undefined]));
  const after = repaired(judged.entries, outcomes, at(minutes));
  return { entries: after.entries, repairs: judged.repairs, told: [...judged.told, ...after.told] };
}

describe('what somebody changed', () => {
  it('is written down, put right, told once, and forgotten after an hour', () => {
    const { entries, repairs, told } = round([], found(), 0);
    expect(repairs).toEqual([{ key: 'apps/Deployment n/web', lost: [] }]);
    expect(entries).toMatchObject([{ state: 'repaired', fields: ['spec.replicas'] }]);
    expect(told).toEqual([
      { kind: 'drift.repaired', message: 'Deployment/web: changed by kubectl-edit: spec.replicas. It was put right' },
    ]);
    expect(judge(entries, [same], may(30))).toEqual({ entries, repairs: [], told: [] });
    expect(judge(entries, [same], may(61)).entries).toEqual([]);
  });

  it('is told as put right when a kill came between doing it and saying so', () => {
    const { entries } = judge([], [found()], may(0));
    expect(entries).toMatchObject([{ state: 'repairing' }]);
    expect(judge(entries, [same], may(1))).toMatchObject({
      entries: [{ state: 'repaired' }],
      told: [{ kind: 'drift.repaired' }],
    });
    const again = judge(entries, [found()], may(1));
    expect(again).toMatchObject({ entries: [{ contests: [{ at: [at(0).toISOString()] }] }], repairs: [{}], told: [] });
  });

  it('is left as it is, and told once, where it may not be put right', () => {
    const first = judge([], [found()], mayNot);
    expect(first).toMatchObject({ entries: [{ state: 'reported' }], repairs: [], told: [{ kind: 'drift.found' }] });
    expect(first.entries[0]?.message).toContain('It is left as it is: frozen');
    expect(judge(first.entries, [found()], { ...mayNot, now: at(9) })).toEqual({ ...first, told: [] });
    expect(judge(first.entries, [same], mayNot).entries).toEqual([]);
  });

  it('says why it could not be put right', () => {
    const { entries } = judge([], [found()], may(0));
    const after = repaired(entries, new Map([['apps/Deployment n/web', 'the quota is used up']]), at(0));
    expect(after.entries).toMatchObject([
      { state: 'refused', message: expect.stringContaining('the quota is used up') },
    ]);
  });
});

describe('a field that is contested', () => {
  it('three times in ten minutes is left to the others, until they leave it as it should be', () => {
    const second = round(round([], found(), 0).entries, found(), 3);
    expect(second.repairs).toHaveLength(1);
    const third = judge(second.entries, [found()], may(6));
    expect(third).toMatchObject({
      entries: [{ state: 'contested' }],
      repairs: [],
      told: [{ kind: 'drift.contested' }],
    });
    const later = judge(third.entries, [found()], may(60));
    expect(later).toMatchObject({ entries: [{ state: 'contested' }], repairs: [], told: [] });
    expect(judge(later.entries, [same], may(61)).entries).toEqual([]);
  });

  it('does not take along those that are not', () => {
    const two = round(round([], found(), 0).entries, found(), 1);
    const both = found({ changes: [change('spec', 'replicas'), change('spec', 'paused')] });
    const third = judge(two.entries, [both], may(2));
    expect(third.repairs).toEqual([{ key: 'apps/Deployment n/web', lost: [['spec', 'replicas']] }]);
  });

  it('may be the object itself: it is not made again a third time', () => {
    const second = round(round([], gone, 0).entries, gone, 1);
    expect(judge(second.entries, [gone], may(2))).toMatchObject({ entries: [{ state: 'contested' }], repairs: [] });
  });

  it('over a longer time is put right each time', () => {
    let entries: readonly DriftEntry[] = [];
    const apart = CONTEST_WINDOW_MS / 60_000 / 2 + 0.5;
    for (let n = 0; n < 6; n += 1) {
      const next = round(entries, found(), n * apart);
      expect(next.repairs).toHaveLength(1);
      entries = next.entries;
    }
  });
});

it('shows the worst first, and no more than fifty', () => {
  const held = { state: 'paused', message: 'paused' } as const;
  const many = Array.from({ length: 80 }, (_, n) => found({ key: `k${n}`, object: `ConfigMap/${n}`, held }));
  const { entries } = judge([], [...many, found()], mayNot);
  expect(entries).toHaveLength(50);
  expect(driftStatus(entries)).toMatchObject({ state: 'paused', message: 'paused (and 49 more)' });
  expect(driftStatus([])).toBeUndefined();
});
