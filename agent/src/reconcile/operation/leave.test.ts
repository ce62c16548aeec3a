import { expect, it } from 'vitest';
import { KubeError } from '../../kube/error.ts';
import { LostSetError } from '../render/render-store.ts';
import { leave } from './leave.ts';
import type { Run } from './run/run.ts';

const entry = { group: '', version: 'v1', kind: 'Secret', namespace: 'n', name: 'shop-auth' };

/** Under way, of one object that may not be looked at. */
async function leaveWithout(
  missing: readonly object[],
  load: () => Promise<object> = async () => ({ meta: { permissions: [] } }),
): Promise<object | undefined> {
  const moves: object[] = [];
  const run = {
    kind: 'leave',
    title: 'leave',
    helmRelease: { releaseName: 'shop', namespace: 'n' },
    record: { spec: { generation: 2 }, status: { state: 'running', deadlineAt: new Date().toISOString() } },
    installation: {
      name: 'shop',
      namespace: 'n',
      status: {
        state: 'running',
        observedGeneration: 1,
        history: [{ generation: 1, renderRef: 'r' }],
        inventory: [entry],
      },
    },
    context: {
      now: () => new Date(),
      config: { fieldManager: 'f', organization: 'acme' },
      monitors: { end: () => undefined, watch: () => undefined },
      installations: { write: async () => undefined },
      log: { warn: () => undefined },
      renders: { load, remove: async () => undefined },
      kube: {
        missingAccess: async () => missing,
        servedAs: async () => entry,
        get: async (): Promise<never> => {
          throw new KubeError('secrets "shop-auth" is forbidden: cannot get resource', {
            status: 403,
            reason: 'Forbidden',
          });
        },
      },
    },
    write: async () => undefined,
    move: async (move: object) => void moves.push(move),
    span: (_: string, work: () => unknown) => work(),
    signal: AbortSignal.timeout(4_000),
  };
  await leave(run as unknown as Run);
  return moves.at(-1);
}

it('lets go of all but what no grant names any more, and says what a person does about that', async () => {
  const line = 'kubectl --namespace n label secret shop-auth steward.dev/installation- steward.dev/organization-';
  const message = expect.stringContaining(line);
  expect(await leaveWithout([])).toMatchObject({ state: 'succeeded', message });
});

it('is not finished where rights were taken away since it began', async () => {
  const missing = { namespace: 'n', group: '', resource: 'secrets', verb: 'get' };
  expect(await leaveWithout([missing])).toMatchObject({ state: 'failed', reason: 'missing-rights' });
});

it('is not finished where nobody knows which rights it would need, since its set is lost', async () => {
  const lost = (): Promise<never> => Promise.reject(new LostSetError('gone'));
  expect(await leaveWithout([], lost)).toMatchObject({ state: 'failed', reason: 'missing-rights' });
});
