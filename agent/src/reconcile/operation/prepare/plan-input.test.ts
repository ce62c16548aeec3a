import { expect, it } from 'vitest';
import type { OperationKind } from '@steward/shared';
import type { ReleaseSet } from '../../render/release-set.ts';
import type { Run } from '../run/run.ts';
import { planInput } from './plan-input.ts';

it.each<[string, OperationKind[], boolean, boolean]>([
  ['an upgrade', ['upgrade'], false, false],
  ['its way back', ['upgrade'], true, true],
  ['a restart', ['restart'], false, false],
  ['a scale', ['scale'], false, true],
  ['a scale that also restarts', ['scale', 'restart'], false, false],
  ['a stop, also of what an operation has left uncertain', ['stop', 'rollback'], false, true],
])(
  'a claim that somebody is deleting is left as it is by what makes no pods: %s',
  async (_, kinds, isWayBack, isLeft) => {
    const run = {
      kind: kinds[0],
      kinds,
      context: { kube: {}, config: {} },
      installation: { name: 'shop', status: { history: [], inventory: [] } },
      helmRelease: { releaseName: 'shop', namespace: 'n' },
      record: { spec: { desired: { operation: {} } }, status: {} },
    } as unknown as Run;
    const set = { objects: [], hooks: [], meta: {} } as unknown as ReleaseSet;
    const input = await planInput(run, set, { isWayBack, signal: AbortSignal.timeout(1_000) });
    expect(input.leavesGoingClaims).toBe(isLeft);
  },
);
