import { expect, it } from 'vitest';
import type { OperationKind } from '@steward/shared';
import type { ReleaseSet } from '../../render/release-set.ts';
import type { Run } from '../run/run.ts';
import type { GoingClaims } from '../../volumes/going-claims.ts';
import { planInput } from './plan-input.ts';

it.each<[string, OperationKind[], boolean, GoingClaims]>([
  ['an upgrade', ['upgrade'], false, 'refused'],
  ['its way back', ['upgrade'], true, 'let-go'],
  ['a restart', ['restart'], false, 'refused'],
  ['a scale', ['scale'], false, 'kept'],
  ['a scale that also restarts', ['scale', 'restart'], false, 'refused'],
  ['a stop, also of what an operation has left uncertain', ['stop', 'rollback'], false, 'let-go'],
])(
  'a claim that somebody is deleting goes with what stops or goes back, is kept by what may go on beside it, and else refused: %s',
  async (_, kinds, isWayBack, expected) => {
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
    expect(input.goingClaims).toBe(expected);
  },
);
