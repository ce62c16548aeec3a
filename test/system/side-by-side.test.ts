import { join } from 'node:path';
import type { Operation } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');

let stack: Stack;
beforeAll(async () => {
  stack = await startStackHere();
  const { one, two } = inject('probeImages');
  await stack.publish(HELLO, {
    version: '1.0.0',
    images: [one],
    args: ['--set', 'image.tag=1', '--channel', 'stable'],
  });
  await stack.publish(HELLO, { version: '1.1.0', images: [two], args: ['--set', 'image.tag=2'] });
  await stack.publish(HELLO, {
    version: '1.2.0',
    images: [one],
    args: ['--set', 'image.tag=1', '--set', 'readinessPath=/never'],
  });
  await stack.enrol();
  await stack.policy({ upgrade: 'allow', rollback: 'allow', uninstall: 'allow' });
  const installed = [await stack.install('first', 'hello'), await stack.install('second', 'hello')];
  for (const { operation } of installed) await stack.finished(operation.id);
});
afterAll(() => stack?.stop());

const push = async (name: string, wanted: object): Promise<string> => {
  const { id } = await stack.installation(name);
  return (await stack.api.post<Operation>(`/installations/${id}/operations`, wanted)).id;
};
const upgrade = (name: string, version: string): Promise<string> => push(name, { kind: 'upgrade', version });

it('an upgrade of one installation that never gets ready does not hold up the upgrade of another', async () => {
  const stuck = await upgrade('first', '1.2.0');
  const quick = await upgrade('second', '1.1.0');
  expect(await stack.finished(quick)).toMatchObject({ state: 'succeeded' });
  expect((await stack.api.get<Operation>(`/operations/${stuck}`)).finishedAt).toBeUndefined();
});

it('an uninstall of one leaves the other as it is', async () => {
  const there = ['get', 'deployment', 'second', '-n', `${stack.organization}-second`, '-o'];
  const state = [...there, 'jsonpath={.metadata.uid} {.metadata.generation} {.status.readyReplicas}'];
  const before = await stack.kubectl(state);
  const { operation } = await stack.install('third', 'hello');
  await stack.finished(operation.id);
  const removal = await push('third', { kind: 'uninstall' });
  expect(await stack.finished(removal)).toMatchObject({ state: 'succeeded' });
  expect(await stack.kubectl(state)).toBe(before);
  expect(await stack.installation('second')).toMatchObject({ state: 'running', runningVersion: '1.1.0' });
});
