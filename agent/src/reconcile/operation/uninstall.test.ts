import { expect, it } from 'vitest';
import { KubeError } from '../../kube/error.ts';
import type { Run } from './run/run.ts';
import { uninstall } from './uninstall.ts';

const entry = { group: 'a.example', version: 'v1', kind: 'Gadget', namespace: 'n', name: 'a' };

/** Under way, and by which call it meets a webhook of that kind that does not answer. */
it.each(['get', 'servedAs'])('ends when its deadline is over and an API does not answer: %s', async (call) => {
  let nowMs = Date.parse('2026-11-28T12:00:00.000Z');
  const deadlineAt = new Date(nowMs).toISOString();
  const silent = async (): Promise<never> => {
    nowMs += 1;
    const message = 'conversion webhook for a.example/v2, Kind=Gadget failed: Post "https://a": no';
    throw new KubeError(message, { status: 500, reason: 'InternalError' });
  };
  const moves: object[] = [];
  const run = {
    kind: 'uninstall',
    title: 'uninstall',
    record: { spec: { desired: { deleteVolumes: false } }, status: { state: 'running', deadlineAt } },
    installation: { name: 'shop', namespace: 'n', status: { history: [], inventory: [entry], claimMakers: [] } },
    context: {
      now: () => new Date(nowMs),
      monitors: { end: () => undefined, watch: () => undefined },
      installations: { write: async () => undefined },
      kube: { missingAccess: async () => [], list: async () => [], servedAs: async () => entry, [call]: silent },
    },
    write: async () => undefined,
    move: async (move: object) => void moves.push(move),
    span: (_: string, work: () => unknown) => work(),
    signal: AbortSignal.timeout(4_000),
  };
  await uninstall(run as unknown as Run);
  expect(moves).toMatchObject([{ state: 'failed', message: expect.stringMatching(/not finished: .*Gadget\/a/) }]);
});
