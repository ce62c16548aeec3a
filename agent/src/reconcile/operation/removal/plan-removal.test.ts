import { expect, it } from 'vitest';
import { KubeError } from '../../../kube/error.ts';
import type { Run } from '../run/run.ts';
import { planRemoval } from './plan-removal.ts';

const entry = { group: 'a.example', version: 'v1', kind: 'Gadget', namespace: 'n', name: 'a' };
const refused = async (): Promise<never> => {
  throw new KubeError('gadgets "a" is forbidden: cannot get resource', { status: 403, reason: 'Forbidden' });
};

it.each([
  { of: 'what no grant names any more', status: { state: 'accepted' }, stays: ['a'] },
  { of: 'what came since the plan', status: { state: 'running', reach: [] }, stays: ['a'] },
  { of: 'what it was agreed to remove', status: { state: 'running', reach: ['a.example/Gadget n/a'] }, stays: [] },
])('of what may not be looked at, keeps all but what must go: $of', async ({ status, stays }) => {
  const run = {
    record: { spec: { desired: { deleteVolumes: true } }, status },
    installation: { name: 'shop', namespace: 'n', status: { history: [], inventory: [entry], claimMakers: [] } },
    context: {
      now: () => new Date(),
      kube: { missingAccess: async () => [], list: async () => [], servedAs: async () => entry, get: refused },
    },
  };
  const removal = await planRemoval(run as unknown as Run, AbortSignal.timeout(4_000));
  if (!removal.ok) throw new Error(removal.failure.message);
  expect(removal.value.stays.map(({ name }) => name)).toEqual(stays);
  expect(removal.value.goes).toHaveLength(1 - stays.length);
});
