import { expect, it } from 'vitest';
import { KubeError, kubeErrorOf } from '../kube/error.ts';
import { persist } from './persist.ts';

const refused = (message: string): Error =>
  kubeErrorOf(403, { kind: 'Status', reason: 'Forbidden', message }, 'PATCH /api/v1/pods/a');
const noRole = refused('pods "a" is forbidden: User "system:serviceaccount:x:y" cannot patch resource "pods"');
const noDiscovery = refused('forbidden: User "system:serviceaccount:x:y" cannot get path "/version": RBAC: […]');
const quota = refused('pods "a" is forbidden: exceeded quota: tight, requested: pods=1');

/** Refuses so often, then answers. */
function refusing(error: Error, times: number): { call: () => Promise<string>; calls: () => number } {
  let calls = 0;
  const call = (): Promise<string> => {
    calls += 1;
    return calls > times ? Promise.resolve('done') : Promise.reject(error);
  };
  return { call, calls: () => calls };
}

const { signal } = new AbortController();

it.each([noRole, noDiscovery])('an API server that does not know the roles yet is asked again', async (refusal) => {
  const { call, calls } = refusing(refusal, 2);
  await expect(persist(call, signal)).resolves.toBe('done');
  expect(calls()).toBe(3);
});

it('a refusal by a quota is an answer', async () => {
  const { call, calls } = refusing(quota, 1);
  await expect(persist(call, signal)).rejects.toBe(quota);
  expect(calls()).toBe(1);
});

it('a refusal by a quota is tried again as often as told', async () => {
  const { call, calls } = refusing(quota, 1);
  await expect(persist(call, signal, { forbiddenRetries: 1 })).resolves.toBe('done');
  expect(calls()).toBe(2);
});

const unfit = (message: string): Error => kubeErrorOf(500, { kind: 'Status', message }, 'PATCH /api/v1/pods/a');

it.each([
  'failed to create typed patch object (n/a; v1, Kind=Pod): .spec.containers: duplicate entries for key [name="a"]',
  'failed to create typed live object (n/a; v1, Kind=Pod): .spec: expected map, got "a"',
  'etcdserver: request is too large',
])('what the API server calls its own fault and is an answer is not asked again: %s', async (message) => {
  const { call, calls } = refusing(unfit(message), 1);
  await expect(persist(call, signal)).rejects.toThrow(message);
  expect(calls()).toBe(1);
});

it('a server that answers with a fault of its own is asked again until it is late, and then a few times more', async () => {
  const fault = kubeErrorOf(503, { kind: 'Status', message: 'service unavailable' }, 'GET /apis/a/v1/b');
  const late = { isLate: () => true, lateRetries: 1 };
  await expect(persist(refusing(fault, 3).call, signal, { isLate: () => false })).resolves.toBe('done');
  await expect(persist(refusing(fault, 1).call, signal, late)).resolves.toBe('done');
  await expect(persist(refusing(fault, 2).call, signal, late)).rejects.toBe(fault);
});

it('a server that is not reached is asked again however late it is', async () => {
  const { call } = refusing(new KubeError('no', { status: 0, reason: 'Unreachable' }), 2);
  await expect(persist(call, signal, { isLate: () => true, lateRetries: 0 })).resolves.toBe('done');
});

it.each(['failed calling webhook "a.example": no', 'conversion webhook for b.example/v1, Kind=A failed: no'])(
  'a webhook that does not answer is asked again until it is late: %s',
  async (message) => {
    let isLate = false;
    const { call, calls } = refusing(unfit(message), 2);
    await expect(persist(call, signal, { isLate: () => isLate })).resolves.toBe('done');
    expect(calls()).toBe(3);
    isLate = true;
    await expect(persist(refusing(unfit(message), 1).call, signal, { isLate: () => isLate })).rejects.toThrow(message);
  },
);
