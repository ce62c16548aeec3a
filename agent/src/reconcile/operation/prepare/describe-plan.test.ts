import { expect, it } from 'vitest';
import { AS_RELEASED } from '@steward/shared';
import type { ReleaseSet } from '../../render/release-set.ts';
import type { Run } from '../run/run.ts';
import { describePlan } from './describe-plan.ts';

/** Of an operation over generation 5, whose hooks ran and which failed; the good one is 4. */
function summaryOf(change: Pick<Run, 'kind'> & { toGeneration?: number; sameSet?: object }): string {
  const { kind, sameSet, ...operation } = change;
  const run = {
    kind,
    sameSet,
    title: kind,
    runsAs: AS_RELEASED,
    record: { spec: { generation: 6, desired: { operation } }, status: {} },
    installation: {
      status: {
        state: 'failed',
        version: '1.1.0',
        history: [
          { generation: 4, version: '1.0.0' },
          { generation: 3, version: '0.9.0' },
        ],
        pointOfNoReturn: { generation: 5, hooks: 'Job/migrate (pre-upgrade)' },
      },
    },
  } as unknown as Run;
  const set = { objects: [], hooks: [], meta: {} } as unknown as ReleaseSet;
  const plan = { objects: [], removals: [] };
  return describePlan(run, set, plan, { hooks: [], notes: [], crossed: undefined }).summary;
}

it.each<[string, Parameters<typeof summaryOf>[0]]>([
  ['a rollback to the good generation', { kind: 'rollback', toGeneration: 4 }],
  ['a scale of it', { kind: 'scale', sameSet: { generation: 4 } }],
])('the plan of %s says that it goes back over the hooks of one that failed', (_what, change) => {
  const summary = summaryOf(change);
  expect(summary).toContain('If it fails, generation 4 (1.0.0) is put back; an approval covers that too.');
  expect(summary).not.toContain('stays as it is');
});

it.each<[string, Parameters<typeof summaryOf>[0]]>([
  ['a rollback to an older generation', { kind: 'rollback', toGeneration: 3 }],
  ['an upgrade', { kind: 'upgrade' }],
])('the plan of %s says that it does not', (_what, change) => {
  expect(summaryOf(change)).toContain(
    'If it fails it stays as it is until somebody decides: going back does not undo Job/migrate (pre-upgrade) of generation 5.',
  );
});
