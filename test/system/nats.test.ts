import type { Installation, Operation, OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { attach } from '../cluster/cluster.ts';
import { TEST_CLUSTER } from '../support/cluster-setup.ts';
import { startNatsLoad } from '../support/nats-load.ts';
import { outsideAddress } from '../support/outside-address.ts';
import { publishNats } from '../support/publish-nats.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

describe('NATS under management', () => {
  let stack: Stack;
  let servers: string;
  let namespace: string;

  const upgrade = async (version: string): Promise<OperationDetails> => {
    const { id } = await stack.installation('nats');
    const wanted = { kind: 'upgrade', version };
    const { id: operation } = await stack.api.post<Operation>(`/installations/${id}/operations`, wanted);
    return stack.finished(operation, 170_000);
  };
  const healthy = (version: string): Promise<Installation> =>
    waitUntil(
      async () => {
        const found = await stack.installation('nats');
        return found.health === 'healthy' && found.runningVersion === version ? found : undefined;
      },
      { what: `NATS ${version} is healthy`, timeoutMs: 60_000, intervalMs: 200 },
    );

  /** What each test goes on from. A wait would let it begin somewhere else. */
  const expectRunning = async (version: string): Promise<void> =>
    expect(await stack.installation('nats')).toMatchObject({ runningVersion: version });
  const podUids = async (): Promise<string[]> => {
    const uids = [
      'get',
      'pods',
      'nats-0',
      'nats-1',
      'nats-2',
      '-n',
      namespace,
      '-o',
      'jsonpath={.items[*].metadata.uid}',
    ];
    return (await stack.kubectl(uids)).split(' ');
  };

  /** Of each server, MiB: as the running server says, not the file it was given. */
  const storageLimits = async (): Promise<number[]> => {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const answers = await Promise.all(
      [0, 1, 2].map((index) => stack.kubectl(['get', '--raw', `${path}/nats-${index}:8222/proxy/jsz`])),
    );
    return answers.map((text) =>
      Math.round((JSON.parse(text) as { config: { max_storage: number } }).config.max_storage / 2 ** 20),
    );
  };

  beforeAll(async () => {
    stack = await startStackHere();
    namespace = `${stack.organization}-nats`;
    await publishNats(stack, inject('natsImages'));
    await stack.enrol();
    await stack.policy({ upgrade: 'allow', rollback: 'allow', uninstall: 'allow' });
    const { operation } = await stack.install('nats', 'nats', { version: '2.14.9' });
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
    await healthy('2.14.9');
    const cluster = await attach(TEST_CLUSTER);
    servers = await outsideAddress(stack, cluster?.nodeAddress ?? '', { namespace, service: 'nats', port: 4222 });
  });
  afterAll(() => stack?.stop());

  it('is upgraded while clients publish and consume: no acknowledged message is lost, none fails after the client’s own retry', async () => {
    await expectRunning('2.14.9');
    const before = await podUids();
    expect(before).toHaveLength(3);
    const load = await startNatsLoad({ servers });
    expect(await upgrade('2.15.2')).toMatchObject({ state: 'succeeded' });
    const result = await load.stop();
    expect(result).toMatchObject({ failed: 0, lost: 0, unconsumed: 0 });
    expect(result.acked).toBeGreaterThan(100);
    await healthy('2.15.2');
    const after = await podUids();
    expect(after).toHaveLength(3);
    expect(after.filter((uid) => before.includes(uid))).toEqual([]);
  });

  it('gives streams more of each volume when its storage knob is raised, while clients go on', async () => {
    await expectRunning('2.15.2');
    expect(await storageLimits()).toEqual(Array(3).fill(819));
    const load = await startNatsLoad({ servers });
    await stack.mustSteward('set', 'nats', 'storage=90', '--watch');
    const result = await load.stop();
    expect(result).toMatchObject({ failed: 0, lost: 0, unconsumed: 0 });
    expect(result.acked).toBeGreaterThan(100);
    expect(await storageLimits()).toEqual(Array(3).fill(921));
    await healthy('2.15.2');
  });

  it('comes back from a bad upgrade with its clients connected, and both sides say what runs', async () => {
    await expectRunning('2.15.2');
    const load = await startNatsLoad({ servers });
    expect(await upgrade('2.16.0')).toMatchObject({ state: 'rolled-back', reasonCode: 'image-pull-failed' });
    const result = await load.stop();
    expect(result).toMatchObject({ failed: 0, lost: 0, unconsumed: 0 });
    expect(result.acked).toBeGreaterThan(100);
    expect(await healthy('2.15.2')).toMatchObject({ state: 'rolled-back', version: '2.16.0' });
    expect(await stack.kubectl(['get', 'installations', '-n', stack.agentNamespace])).toMatch(/2\.15\.2/);
  });

  it('is uninstalled with its volumes kept, and says which', async () => {
    await expectRunning('2.15.2');
    expect(await podUids()).toHaveLength(3);
    const { stdout, stderr, code } = await stack.steward('uninstall', 'nats', '--watch', '--yes');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout + stderr).toMatch(/delete persistentvolumeclaim data-nats-0 data-nats-1 data-nats-2/);
    const claims = await stack.kubectl(['get', 'persistentvolumeclaims', '-n', namespace, '-o', 'name']);
    expect(claims.trim().split('\n')).toHaveLength(3);
    expect(await stack.kubectl(['get', 'statefulsets', '-n', namespace, '-o', 'name'])).toBe('');
  });
});
