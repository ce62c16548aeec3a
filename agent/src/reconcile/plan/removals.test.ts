import { expect, it } from 'vitest';
import type { KubeClient } from '../../kube/client.ts';
import { planRemovals, type RemovalsInput } from './removals.ts';

const left = { group: 'apps', version: 'v1', kind: 'StatefulSet', namespace: 'n', name: 'db', uid: 'u' };
const deletionTimestamp = '2026-11-28T12:00:00Z';

/** A StatefulSet that the set no longer has, and its only claim, which somebody is deleting. */
function input(
  more: Pick<RemovalsInput, 'goingClaims'> = {},
  live: { replicas?: number; deletionTimestamp?: string } = {},
): RemovalsInput {
  const { replicas, deletionTimestamp: since } = live;
  const spec = { replicas, volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] };
  const kube = {
    servedAs: async (one: object) => one,
    get: async () => ({
      kind: 'StatefulSet',
      metadata: { name: 'db', namespace: 'n', uid: 'u', deletionTimestamp: since },
      spec,
    }),
    list: async () => [{ kind: 'PersistentVolumeClaim', metadata: { name: 'data-db-0', deletionTimestamp } }],
  } as unknown as KubeClient;
  return { kube, left: [left], installation: 'shop', ...more, signal: AbortSignal.timeout(4_000) };
}

it('refuses to remove what has the pods that keep a claim which somebody is deleting, but for a way back', async () => {
  const message = /PersistentVolumeClaim\/data-db-0 is being deleted.*steward stop shop/;
  await expect(planRemovals(input())).rejects.toThrow(message);
  await expect(planRemovals(input({ goingClaims: 'kept' }))).rejects.toThrow(message);
  expect(await planRemovals(input({ goingClaims: 'let-go' }))).toMatchObject([{ entry: left, action: 'delete' }]);
});

it.each([
  { of: 'it is stopped', live: { replicas: 0 } },
  { of: 'it is going itself', live: { deletionTimestamp } },
])('removes what has no pods that would end, whatever else holds that claim: $of', async ({ live }) => {
  expect(await planRemovals(input({}, live))).toMatchObject([{ entry: left, action: 'delete' }]);
});
