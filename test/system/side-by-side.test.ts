import { join } from 'node:path';
import type { OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { attach } from '../cluster/cluster.ts';
import { TEST_CLUSTER } from '../support/cluster-setup.ts';
import { outsideAddress } from '../support/outside-address.ts';
import { get, startRequests } from '../support/request-load.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');
/** Two pods, of which each goes on serving until every node has heard that it leaves. */
const STATELESS = join(import.meta.dirname, '../bench/stateless');

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
  await stack.policy({ upgrade: 'allow', rollback: 'allow', uninstall: 'allow', restart: 'allow' });
  const installed = [await stack.install('first', 'hello'), await stack.install('second', 'hello')];
  for (const { operation } of installed)
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
});
afterAll(() => stack?.stop());

const upgrade = (name: string, version: string): Promise<string> => stack.pushTo(name, { kind: 'upgrade', version });
/** What each test goes on from. */
const expectRunning = async (name: string, version: string): Promise<void> =>
  expect(await stack.installation(name)).toMatchObject({ runningVersion: version });

it('an upgrade of one installation that never gets ready does not hold up the upgrade of another', async () => {
  for (const name of ['first', 'second']) await expectRunning(name, '1.0.0');
  const stuck = await upgrade('first', '1.2.0');
  const rollsOut = async (): Promise<boolean> => {
    const { state, phase } = await stack.api.get<OperationDetails>(`/operations/${stuck}`);
    return state === 'running' && phase === 'roll-out';
  };
  await waitUntil(rollsOut, { what: 'the first one to roll out', timeoutMs: 60_000, intervalMs: 100 });
  const quick = await upgrade('second', '1.1.0');
  expect(await stack.finished(quick)).toMatchObject({ state: 'succeeded' });
  expect(await rollsOut()).toBe(true);
});

it('an uninstall of one leaves the other as it is', async () => {
  const there = ['get', 'deployment', 'second', '-n', `${stack.organization}-second`, '-o'];
  const state = [...there, 'jsonpath={.metadata.uid} {.metadata.generation} {.status.readyReplicas}'];
  await expectRunning('second', '1.1.0');
  const before = await stack.kubectl(state);
  const { operation } = await stack.install('third', 'hello');
  expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
  const removal = await stack.pushTo('third', { kind: 'uninstall' });
  expect(await stack.finished(removal)).toMatchObject({ state: 'succeeded' });
  expect(await stack.kubectl(state)).toBe(before);
  expect(await stack.installation('second')).toMatchObject({ state: 'running', runningVersion: '1.1.0' });
});

it('an upgrade and a restart of a stateless service let no request fail', async () => {
  const { one, two } = inject('probeImages');
  await stack.publish(STATELESS, { version: '1.0.0', images: [one], args: ['--set', 'image.tag=1'] });
  await stack.publish(STATELESS, { version: '2.0.0', images: [two], args: ['--set', 'image.tag=2'] });
  const { operation } = await stack.install('web', 'stateless', { version: '1.0.0' });
  expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
  const nodeAddress = (await attach(TEST_CLUSTER))?.nodeAddress ?? '';
  const namespace = `${stack.organization}-web`;
  const address = await outsideAddress(stack, nodeAddress, { namespace, service: 'web', port: 8080 });
  const url = `http://${address}/version`;
  await waitUntil(() => get(url).then(() => true), { what: 'the port is open' });
  const pods = (): Promise<string> => stack.kubectl(['get', 'pods', '-n', namespace, '-o', 'name']);
  const load = startRequests(url, 20);
  for (const wanted of [{ kind: 'upgrade', version: '2.0.0' }, { kind: 'restart' }]) {
    const before = (await pods()).trim().split('\n');
    expect(before).toHaveLength(2);
    expect(await stack.finished(await stack.pushTo('web', wanted)), wanted.kind).toMatchObject({ state: 'succeeded' });
    const areOthers = async (): Promise<boolean> => {
      const left = await pods();
      return !before.some((pod) => left.includes(pod));
    };
    await waitUntil(areOthers, { what: `the pods before the ${wanted.kind} to be gone`, timeoutMs: 60_000 });
  }
  const { requests, failedRequests, reasons } = await load.stop();
  expect({ failedRequests, reasons }).toEqual({ failedRequests: 0, reasons: [] });
  expect(requests).toBeGreaterThan(100);
});
