import { expect, it } from 'vitest';
import { kubeErrorOf } from '../kube/error.ts';
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
