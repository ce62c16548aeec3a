import { join } from 'node:path';
import type { CreatedCluster, Operation, OperationDetails, OperationPhase } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { attach } from '../cluster/cluster.ts';
import { TEST_CLUSTER } from '../support/cluster-setup.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');

describe('whatever is killed, the operation ends as it should and takes effect once', () => {
  let stack: Stack;
  let cluster: CreatedCluster;
  let release = 0;

  beforeAll(async () => {
    stack = await startStackHere();
    const { one } = inject('probeImages');
    await stack.publish(HELLO, {
      version: '1.0.0',
      images: [one],
      args: ['--set', 'image.tag=1', '--set', 'message=1.0.0', '--channel', 'stable'],
    });
    cluster = await stack.enrol();
    await stack.policy({ upgrade: 'allow', rollback: 'allow' });
    const { operation } = await stack.install('hello', 'hello');
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
  });
  afterAll(() => stack?.stop());

  /** Publishes another release and pushes it. */
  const push = async (): Promise<{ id: string; version: string }> => {
    release += 1;
    const version = `2.0.${release}`;
    const args = ['--set', 'image.tag=1', '--set', `message=${version}`];
    await stack.publish(HELLO, { version, images: [inject('probeImages').one], args });
    const { id: installation } = await stack.installation('hello');
    const { id } = await stack.api.post<Operation>(`/installations/${installation}/operations`, {
      kind: 'upgrade',
      version,
    });
    return { id, version };
  };
  const reaches = (id: string, phase: OperationPhase): Promise<unknown> =>
    waitUntil(
      async () => {
        const { transitions } = await stack.api.get<OperationDetails>(`/operations/${id}`);
        return transitions.some((transition) => transition.phase === phase);
      },
      { what: `operation is in ${phase}`, timeoutMs: 60_000, intervalMs: 5 },
    );
  /** As the cluster has it, whatever the hub was told. */
  const phaseNow = (id: string): Promise<string> =>
    stack.kubectl(['get', 'operation', `op-${id}`, '-n', stack.agentNamespace, '-o', 'jsonpath={.status.phase}']);
  /** Each revision once, in order: nothing was done twice. */
  const expectHistory = (operation: OperationDetails): void => {
    // Revision 0 is the hub's own entry.
    const revisions = operation.transitions.map(({ revision }) => revision).filter((revision) => revision > 0);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
  };
  const expectRunning = async (version: string): Promise<void> => {
    await waitUntil(async () => (await stack.installation('hello')).runningVersion === version, {
      what: `${version} is reported`,
      timeoutMs: 60_000,
      intervalMs: 100,
    });
    const messages = await stack.kubectl([
      'get',
      'configmaps',
      '-n',
      `${stack.organization}-hello`,
      '-o',
      'jsonpath={..data.MESSAGE}',
    ]);
    expect(messages).toBe(version);
  };
  /** Revisions of the Deployment: one for each upgrade that took effect. */
  const rollouts = async (): Promise<number> => {
    const revision = await stack.kubectl([
      'get',
      'deployments',
      '-n',
      `${stack.organization}-hello`,
      '-o',
      'jsonpath={.items[0].metadata.annotations.deployment\\.kubernetes\\.io/revision}',
    ]);
    return Number(revision);
  };

  it('the agent’s pod, while it waits for a person and while it settles', async () => {
    const before = await rollouts();
    await stack.policy({ upgrade: 'ask', rollback: 'allow' });
    const { id, version } = await push();
    await reaches(id, 'approve');
    await stack.killAgent();
    expect(await phaseNow(id)).toBe('approve');
    await stack.policy({ upgrade: 'allow', rollback: 'allow' });
    await reaches(id, 'settle');
    await stack.killAgent();
    expect(await phaseNow(id)).toBe('settle');
    const operation = await stack.finished(id);
    expect(operation).toMatchObject({ state: 'succeeded' });
    expectHistory(operation);
    await expectRunning(version);
    expect(await rollouts()).toBe(before + 1);
  });

  it('the hub, while an upgrade is under way: what happened meanwhile is there once it is back', async () => {
    const { id, version } = await push();
    await reaches(id, 'apply');
    await stack.killHub();
    expect(await phaseNow(id)).not.toBe('done');
    await waitUntil(async () => (await phaseNow(id)) === 'done', { what: 'its end', timeoutMs: 60_000 });
    await stack.startHubAgain();
    const operation = await stack.finished(id);
    expect(operation).toMatchObject({ state: 'succeeded' });
    expectHistory(operation);
    await expectRunning(version);
    await waitUntil(
      async () =>
        (await stack.api.get<{ connection: string }>(`/clusters/${cluster.cluster.id}`)).connection === 'connected',
      { what: 'the agent is back', timeoutMs: 60_000 },
    );
  });

  it('the API server, while the cluster rolls out', async () => {
    const { id, version } = await push();
    await reaches(id, 'apply');
    const kubernetes = await attach(TEST_CLUSTER);
    await kubernetes?.component('kube-apiserver', 'kill');
    expect((await stack.api.get<OperationDetails>(`/operations/${id}`)).finishedAt).toBeUndefined();
    const operation = await stack.finished(id);
    expect(operation).toMatchObject({ state: 'succeeded' });
    await expectRunning(version);
  });
});
