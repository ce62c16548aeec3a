import { join } from 'node:path';
import type { Cluster, Installation, MetricRange, Operation, OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { startTraceCollector, type CollectedSpan, type TraceCollector } from '../support/trace-collector.ts';
import { waitUntil } from '../support/wait-until.ts';

const METERED = join(import.meta.dirname, '../charts/metered');
const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');
const NOWHERE = `steward.test/probe:9=sha256:${'0'.repeat(64)}`;

/** The way through the house, in order: each test goes on where the one before ended. */
describe('a service from chart to cluster', () => {
  let stack: Stack;
  let collector: TraceCollector;

  beforeAll(async () => {
    collector = await startTraceCollector();
    stack = await startStackHere({ otlpEndpoint: collector.endpoint });
    const { one, two } = inject('probeImages');
    await stack.publish(HELLO, {
      version: '1.0.0',
      images: [one],
      args: ['--set', 'image.tag=1', '--channel', 'stable'],
    });
    await stack.publish(METERED, { images: [one], args: ['--channel', 'stable'] });
    await stack.publish(HELLO, { version: '1.1.0', images: [two], args: ['--set', 'image.tag=2'] });
    await stack.publish(HELLO, { version: '1.2.0', images: [NOWHERE], args: ['--set', 'image.tag=9'] });
  });
  afterAll(async () => {
    await stack?.stop();
    await collector?.stop();
  });

  const upgrade = async (version: string): Promise<OperationDetails> => {
    const { id } = await stack.installation('hello');
    const { id: operation } = await stack.api.post<Operation>(`/installations/${id}/operations`, {
      kind: 'upgrade',
      version,
    });
    return stack.finished(operation);
  };
  const healthy = (version: string): Promise<Installation> =>
    waitUntil(
      async () => {
        const found = await stack.installation('hello');
        return found.health === 'healthy' && found.runningVersion === version ? found : undefined;
      },
      { what: `hello ${version} is healthy`, timeoutMs: 60_000, intervalMs: 100 },
    );
  /** What each test goes on from. A wait would let it begin somewhere else. */
  const expectRunning = async (version: string): Promise<void> =>
    expect(await stack.installation('hello')).toMatchObject({ runningVersion: version });
  const runningImages = (): Promise<string> =>
    stack.kubectl(['get', 'deployments', '-n', `${stack.organization}-hello`, '-o', 'jsonpath={..image}']);

  it('installs the agent by the printed line, and shows it online with versions and clock', async () => {
    const { cluster } = await stack.enrol();
    const show = (): Promise<Cluster> => stack.api.get<Cluster>(`/clusters/${cluster.id}`);
    // It is connected a moment before it has said hello, with its clock.
    await waitUntil(async () => (await show()).clockSkewMs !== undefined, { what: 'the skew of its clock is shown' });
    expect(await show()).toMatchObject({
      connection: 'connected',
      agentVersion: expect.any(String),
      kubernetesVersion: expect.stringMatching(/^v1\.\d+/),
    });
    await waitUntil(
      async () => /steward\s+true/.test(await stack.kubectl(['get', 'agents', '-n', stack.agentNamespace])),
      {
        what: 'kubectl get agents says that it is connected',
      },
    );
  });

  it('installs a service with its own grant line, and reports it healthy', async () => {
    const created = await stack.install('hello', 'hello', { version: '1.0.0' });
    const operation = await stack.finished(created.operation.id);
    expect(operation).toMatchObject({ state: 'succeeded', phase: 'done' });
    const installation = await healthy('1.0.0');
    expect(installation.workloads).toContainEqual(expect.objectContaining({ kind: 'Deployment', health: 'healthy' }));
  });

  it('installs a service that is measured beside it', async () => {
    const created = await stack.install('metered', 'metered');
    expect(await stack.finished(created.operation.id)).toMatchObject({ state: 'succeeded' });
  });

  it('waits for the customer when no policy allows an upgrade, and goes on when kubectl approves it', async () => {
    await expectRunning('1.0.0');
    const { id } = await stack.installation('hello');
    const { id: operationId } = await stack.api.post<Operation>(`/installations/${id}/operations`, {
      kind: 'upgrade',
      version: '1.1.0',
    });
    const waiting = await waitUntil(
      async () => {
        const operation = await stack.api.get<OperationDetails>(`/operations/${operationId}`);
        return operation.state === 'awaiting-approval' ? operation : undefined;
      },
      { what: 'the operation asks', timeoutMs: 30_000 },
    );
    expect(waiting.plan?.changes).toContainEqual(expect.objectContaining({ action: 'update' }));
    expect(await runningImages()).toContain('probe:1');
    const uid = await stack.kubectl([
      'get',
      'operation',
      `op-${operationId}`,
      '-n',
      stack.agentNamespace,
      '-o',
      'jsonpath={.metadata.uid}',
    ]);
    const approval = {
      apiVersion: 'steward.dev/v1alpha1',
      kind: 'OperationApproval',
      metadata: { name: 'first', namespace: stack.agentNamespace },
      spec: {
        operation: `op-${operationId}`,
        operationUid: uid,
        planDigest: waiting.plan?.digest,
        decision: 'approve',
        approver: 'somebody-else',
        expiresAt: new Date(Date.now() + 600_000).toISOString(),
      },
    };
    await expect(stack.kubectl(['apply', '-f', '-'], JSON.stringify(approval))).rejects.toThrow(/approver/);
    const me = JSON.parse(await stack.kubectl(['auth', 'whoami', '-o', 'json'])) as {
      status: { userInfo: { username: string } };
    };
    approval.spec.approver = me.status.userInfo.username;
    await stack.kubectl(['apply', '-f', '-'], JSON.stringify(approval));
    expect(await stack.finished(operationId)).toMatchObject({ state: 'succeeded' });
    await healthy('1.1.0');
    expect(await runningImages()).toContain('probe:2');
  });

  it('tells each operation as one trace: the hub’s span, and the agent’s steps below it', async () => {
    const root = await waitUntil(() => collector.spans.find(({ name }) => name === 'operation upgrade'), {
      what: 'the hub’s span of the upgrade has reached the collector',
    });
    const below = (): CollectedSpan[] =>
      collector.spans.filter((span) => span.traceId === root.traceId && span !== root);
    await waitUntil(() => below().some(({ name }) => name === 'agent.roll-out'), { what: 'and the agent’s' });
    const steps = below();
    expect(root.service).toBe('steward-hub');
    expect(new Set(steps.map(({ service }) => service))).toEqual(new Set(['steward-agent']));
    expect(steps.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['verify', 'render', 'plan', 'apply', 'roll-out'].map((step) => `agent.${step}`)),
    );
    const known = new Set([root, ...steps].map(({ spanId }) => spanId));
    expect(steps.filter(({ parentSpanId }) => !known.has(parentSpanId ?? ''))).toEqual([]);
  });

  it('is certain of an image that cannot be pulled after seconds, puts the last good version back, and says what runs', async () => {
    await expectRunning('1.1.0');
    await stack.policy({ upgrade: 'allow', rollback: 'allow', uninstall: 'allow' });
    const operation = await upgrade('1.2.0');
    expect(operation).toMatchObject({ state: 'rolled-back', reasonCode: 'image-pull-failed' });
    const installation = await healthy('1.1.0');
    expect(installation).toMatchObject({ version: '1.2.0', runningVersion: '1.1.0', state: 'rolled-back' });
    expect(await runningImages()).toContain('probe:2');
    const inCluster = await stack.kubectl(['get', 'installations', '-n', stack.agentNamespace]);
    expect(inCluster).toMatch(/1\.1\.0/);
  });

  it('takes the next upgrade after a rollback', async () => {
    expect(await stack.installation('hello')).toMatchObject({ state: 'rolled-back', runningVersion: '1.1.0' });
    const { two } = inject('probeImages');
    await stack.publish(HELLO, {
      version: '1.3.0',
      images: [two],
      args: ['--set', 'image.tag=2', '--set', 'replicas=2'],
    });
    expect(await upgrade('1.3.0')).toMatchObject({ state: 'succeeded' });
    expect(await healthy('1.3.0')).toMatchObject({ state: 'running' });
  });

  it('rolls back to an earlier good generation when asked', async () => {
    await expectRunning('1.3.0');
    const { id } = await stack.installation('hello');
    const { id: operation } = await stack.api.post<Operation>(`/installations/${id}/operations`, { kind: 'rollback' });
    expect(await stack.finished(operation)).toMatchObject({ state: 'succeeded' });
    await healthy('1.1.0');
  });

  it('uninstalls by the command, and leaves nothing of the service behind', async () => {
    await expectRunning('1.1.0');
    expect(await runningImages()).toContain('probe:2');
    const result = await stack.steward('uninstall', 'hello', '--watch', '--yes');
    expect(result).toMatchObject({ code: 0 });
    const left = await stack.kubectl([
      'get',
      'deployments,services,configmaps',
      '-n',
      `${stack.organization}-hello`,
      '-o',
      'name',
    ]);
    expect(left.split('\n').filter((name) => name && !name.includes('kube-root-ca'))).toEqual([]);
  });

  it('shows what is measured, on the hub and on the page of the agent', async () => {
    const steward = (...args: string[]): Promise<string> => stack.mustSteward('metrics', 'metered', ...args);
    const table = await waitUntil(
      async () => {
        const text = await steward();
        return text.includes('jobs_waiting') ? text : undefined;
      },
      { what: 'steward metrics to show it', timeoutMs: 60_000, intervalMs: 500 },
    );
    expect(table).toMatch(/jobs_done_total +endpoint="page", pod="metered-[^"]+" +12\n/);
    expect(table).toMatch(/up +endpoint="none", pod="metered-[^"]+" +0\n/);
    expect(table).not.toContain('not_for_the_vendor');
    const { series } = JSON.parse(await steward('jobs_waiting', '--since', '10m', '--output', 'json')) as MetricRange;
    expect(series).toMatchObject([{ labels: { queue: 'mail', endpoint: 'page' } }]);
    expect(series[0]?.values).toContain(7);
    const reasons = async () => (await stack.installation('metered')).reasons.map(({ message }) => message);
    await waitUntil(async () => (await reasons()).length === 2, {
      what: 'what is wrong to be told',
      timeoutMs: 60_000,
    });
    expect((await reasons()).join()).toMatch(/no metrics API .*"none": pod metered-\S+, port 8080: it answered 404/);
    const agents = ['get', 'pods', '-n', stack.agentNamespace, '-o', 'jsonpath={.items[0].metadata.name}'];
    const proxy = `/api/v1/namespaces/${stack.agentNamespace}/pods/${await stack.kubectl(agents)}:8080/proxy/metrics`;
    const page = await stack.kubectl(['get', '--raw', proxy]);
    expect(page).toContain('steward_agent_connected 1\n');
    expect(page).toMatch(/steward_installation_health\{[^}]*installation="metered"[^}]*state="healthy"[^}]*\} 1\n/);
    expect(page).toMatch(/jobs_waiting\{[^}]*installation="metered"[^}]*\} 7\n/);
  });
});
