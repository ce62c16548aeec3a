import { join } from 'node:path';
import type { CreatedCluster, Operation, OperationDetails, OperationPhase } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { attach } from '../cluster/cluster.ts';
import { TEST_CLUSTER } from '../support/cluster-setup.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');
const NOWHERE = `steward.test/probe:9=sha256:${'0'.repeat(64)}`;

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
    await stack.finished((await stack.install('hello', 'hello')).operation.id);
  });
  afterAll(() => stack?.stop());

  /** Publishes another release and pushes it. */
  const push = async (image: string, tag: string): Promise<{ id: string; version: string }> => {
    release += 1;
    const version = `2.0.${release}`;
    await stack.publish(HELLO, {
      version,
      images: [image],
      args: ['--set', `image.tag=${tag}`, '--set', `message=${version}`],
    });
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
        const { transitions, finishedAt } = await stack.api.get<OperationDetails>(`/operations/${id}`);
        return finishedAt !== undefined || transitions.some((transition) => transition.phase === phase);
      },
      { what: `operation is in ${phase}`, timeoutMs: 60_000, intervalMs: 5 },
    );
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

  it.each<OperationPhase>(['verify', 'plan', 'apply', 'roll-out', 'settle'])(
    'the agent, in phase %s of an upgrade',
    async (phase) => {
      const before = await rollouts();
      const { one } = inject('probeImages');
      const { id, version } = await push(one, '1');
      await reaches(id, phase);
      await stack.killAgent();
      const operation = await stack.finished(id);
      expect(operation).toMatchObject({ state: 'succeeded' });
      expectHistory(operation);
      await expectRunning(version);
      expect(await rollouts()).toBe(before + 1);
    },
  );

  it('the agent, while it rolls back', async () => {
    const good = (await stack.installation('hello')).runningVersion ?? '';
    const { id } = await push(NOWHERE, '9');
    await reaches(id, 'roll-back');
    await stack.killAgent();
    const operation = await stack.finished(id);
    expect(operation).toMatchObject({ state: 'rolled-back' });
    expectHistory(operation);
    await expectRunning(good);
  });

  it('the hub, while the cluster rolls out: what happened meanwhile is there once it is back', async () => {
    const { one } = inject('probeImages');
    const { id, version } = await push(one, '1');
    await reaches(id, 'roll-out');
    await stack.killHub();
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
    const { one } = inject('probeImages');
    const { id, version } = await push(one, '1');
    await reaches(id, 'apply');
    const kubernetes = await attach(TEST_CLUSTER);
    await kubernetes?.component('kube-apiserver', 'kill');
    const operation = await stack.finished(id);
    expect(operation).toMatchObject({ state: 'succeeded' });
    await expectRunning(version);
  });
});
