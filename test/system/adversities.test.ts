import { join } from 'node:path';
import type { CreatedCluster, Installation, OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CLI_PROGRAM } from '../../scripts/process.ts';
import { command } from '../support/command.ts';
import { FakeAgent } from '../support/fake-agent.ts';
import { hubAddress } from '../support/hub-address.ts';
import { migrateDatabase, startPostgresServer, type PostgresServer } from '../support/postgres-server.ts';
import { createOwner, ownerUrl, TEMPLATE, withClient } from '../support/postgres.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');

let server: PostgresServer;
let stack: Stack;
let cluster: CreatedCluster;

beforeAll(async () => {
  server = await startPostgresServer();
  await createOwner(server.url);
  await migrateDatabase(ownerUrl(server.url, TEMPLATE));
  stack = await startStackHere({ postgresUrl: server.url });
  cluster = await stack.api.post<CreatedCluster>('/clusters', { name: 'prod', customer: 'beta' });
});
afterAll(async () => {
  await stack?.kubectl(['delete', 'namespace', stack.agentNamespace, '--wait=false', '--ignore-not-found']);
  await stack?.stop();
  await server?.stop();
});

/** The manifest of the printed line, not applied. */
const manifest = (line: string): Promise<string> => stack.shell(line.split(' | kubectl')[0] ?? '');
const apply = (yaml: string): Promise<string> => stack.kubectl(['apply', '--server-side', '-f', '-'], yaml);
const agents = (): Promise<string> => stack.kubectl(['get', 'agents', '-n', stack.agentNamespace, '-o', 'wide']);
const says = (words: RegExp): Promise<unknown> =>
  waitUntil(async () => words.test(await agents()), {
    what: `kubectl get agents says ${words.source}`,
    timeoutMs: 60_000,
    intervalMs: 300,
  });
const connected = (): Promise<unknown> =>
  waitUntil(async () => (await connection()) === 'connected', {
    what: 'the agent is connected',
    timeoutMs: 60_000,
    intervalMs: 300,
  });
/** What a test goes on from. */
const connection = async (): Promise<string> =>
  (await stack.api.get<{ connection: string }>(`/clusters/${cluster.cluster.id}`)).connection;
const newLine = async (): Promise<CreatedCluster['enrolment']> =>
  stack.api.post<CreatedCluster['enrolment']>(`/clusters/${cluster.cluster.id}/enrolment`, {});
const healthy = (name: string): Promise<Installation> =>
  waitUntil(
    async () => {
      const found = await stack.installation(name);
      return found.health === 'healthy' ? found : undefined;
    },
    { what: `${name} is healthy`, timeoutMs: 60_000, intervalMs: 200 },
  );

describe('an agent that may not enrol says why and what to do, in the cluster', () => {
  it('when somebody else used its token first', async () => {
    const yaml = await manifest(cluster.enrolment.command);
    await FakeAgent.enrol(hubAddress(stack.hub.url, stack.hub.caPem), cluster.enrolment.token);
    await apply(yaml);
    await says(/false .*The enrolment token was used up at .* Revoke the cluster "prod"/);
  });

  it('when its token has expired', async () => {
    const { command: line } = await newLine();
    const yaml = await manifest(line);
    await withClient(stack.databaseUrl, (client) =>
      client.query(`UPDATE enrolment_tokens SET expires_at = now() - interval '1 hour' WHERE used_at IS NULL`),
    );
    await apply(yaml);
    await says(/false .*The enrolment token expired at .*Ask the vendor for a new install line/);
    // What the customer reads after pasting it, from kubectl itself.
    await expect(stack.shell(line)).rejects.toThrow(
      /The enrolment token has expired.*ask the vendor for a new install/s,
    );
  });

  it('and connects by itself once a new line is applied, which may be applied twice', async () => {
    expect(await connection()).not.toBe('connected');
    const yaml = await manifest((await newLine()).command);
    await apply(yaml);
    await connected();
    const replicaSets = (): Promise<string> => stack.kubectl(['get', 'rs', '-n', stack.agentNamespace, '-o', 'name']);
    const before = await replicaSets();
    await apply(yaml);
    await says(/ true /);
    expect(await replicaSets()).toBe(before);
  });
});

describe('with a service that runs', () => {
  beforeAll(async () => {
    const { one } = inject('probeImages');
    const args = ['--set', 'image.tag=1', '--channel', 'stable'];
    await stack.publish(HELLO, { version: '1.0.0', images: [one], args });
    await stack.publish(HELLO, { version: '1.1.0', images: [one], args: ['--set', 'image.tag=1'] });
    await stack.policy({ upgrade: 'allow' });
    for (const name of ['hello', 'lost'])
      expect(await stack.finished((await stack.install(name, 'hello')).operation.id)).toMatchObject({
        state: 'succeeded',
      });
    await healthy('hello');
  });

  it('a hub that is gone is named with its address, and found again', async () => {
    expect(await connection()).toBe('connected');
    await stack.killHub();
    await says(/false .*The hub \S+ cannot be reached: nothing listens there\. Check the address/);
    await stack.startHubAgain();
    await connected();
    await says(/ true /);
  });

  it('a database that is gone is told to callers, and the agent is served again by itself when it is back', async () => {
    expect(await healthy('hello')).toMatchObject({ runningVersion: '1.0.0', reasons: [] });
    await withClient(server.url, (client) => client.query('CHECKPOINT'));
    await server.kill();
    const refused = await stack.steward('status');
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringMatching(/database/) });
    const namespace = `${stack.organization}-hello`;
    // Or the agent puts right what is shown here.
    await stack.kubectl(['annotate', 'deployment', 'hello', 'steward.dev/paused=', '-n', namespace]);
    await stack.kubectl(['set', 'image', 'deployment/hello', 'hello=steward.test/nowhere:1', '-n', namespace]);
    await server.start();
    await connected();
    await waitUntil(
      async () => (await stack.installation('hello')).reasons.some(({ message }) => message.includes('nowhere:1')),
      {
        what: 'the hub shows what happened meanwhile',
        timeoutMs: 90_000,
        intervalMs: 300,
      },
    );
    const id = await stack.pushTo('hello', { kind: 'upgrade', version: '1.1.0' });
    expect(await stack.finished(id)).toMatchObject({ state: 'succeeded' });
    await healthy('hello');
    await stack.kubectl(['annotate', 'deployment', 'hello', 'steward.dev/paused-', '-n', namespace]);
  });

  it('a namespace that somebody deleted is told, and comes back with the grant and a push', async () => {
    const namespace = `${stack.organization}-lost`;
    expect(await healthy('lost')).toMatchObject({ runningVersion: '1.0.0', reasons: [] });
    await stack.kubectl(['delete', 'namespace', namespace, '--timeout=60s']);
    await waitUntil(
      async () => {
        const found = await stack.installation('lost');
        return found.reasons.some(({ code }) => code === 'Missing') ? found : undefined;
      },
      { what: 'its absence is shown', timeoutMs: 60_000, intervalMs: 300 },
    );
    const id = await stack.pushTo('lost', { kind: 'upgrade', version: '1.0.0' });
    await waitUntil(
      async () => {
        const operation = await stack.api.get<OperationDetails>(`/operations/${id}`);
        return /lacks rights in namespace .* Missing:/.test(operation.message) ? operation : undefined;
      },
      { what: 'it waits for rights', timeoutMs: 30_000 },
    );
    const grant = await stack.mustSteward('installation', 'grant', 'lost');
    await stack.shell(grant);
    expect(await stack.finished(id)).toMatchObject({ state: 'succeeded' });
    await healthy('lost');
  });

  it('an agent that the cluster gives a user of its own, as OpenShift does, carries on', async () => {
    const users = [
      'get',
      'pods',
      '-n',
      stack.agentNamespace,
      '-o',
      'jsonpath={.items[*].spec.securityContext.runAsUser}',
    ];
    expect(await stack.kubectl(users)).not.toContain('1000650000');
    const patch = { spec: { template: { spec: { securityContext: { runAsUser: 1_000_650_000, runAsGroup: 0 } } } } };
    const agent = ['deployment', 'steward-agent', '-n', stack.agentNamespace];
    await stack.kubectl(['patch', ...agent, '--type=merge', '-p', JSON.stringify(patch)]);
    await stack.kubectl(['rollout', 'status', ...agent, '--timeout=60s']);
    const id = await stack.pushTo('lost', { kind: 'upgrade', version: '1.0.0' });
    expect(await stack.finished(id)).toMatchObject({ state: 'succeeded' });
    expect(await stack.kubectl(users)).toBe('1000650000');
  });

  it('a kubeconfig that does not answer is named by the command', async () => {
    const operation = await stack.pushTo('hello', { kind: 'uninstall' });
    const kubeconfig = join(import.meta.dirname, 'refusals/nowhere.kubeconfig');
    const env = { KUBECONFIG: kubeconfig, STEWARD_KUBECTL: (await stack.shell('command -v kubectl')).trim() };
    const told = await command(process.execPath, [CLI_PROGRAM, 'approve', `op-${operation}`], { env });
    expect(told).toMatchObject({ code: 5, stderr: expect.stringMatching(/refused.*Check the kubeconfig/s) });
    expect(await stack.finished(operation)).toMatchObject({ state: 'denied', reasonCode: 'denied-by-policy' });
  });

  it('a release, a service and an installation that do not exist are named by the command', async () => {
    for (const [line, words] of [
      ['install hello --name new --cluster prod --version 9.9.9', /hello.*9\.9\.9/],
      ['install nothing --name new --cluster prod', /nothing/],
      ['upgrade nobody --version 1.0.0', /nobody/],
    ] as const) {
      const told = await stack.steward(...line.split(' '));
      expect(told).toMatchObject({ code: 3, stderr: expect.stringMatching(words) });
    }
  });
});
