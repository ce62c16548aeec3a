import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CreatedInstallation, Enrolment, Installation, Operation } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { FakeAgent } from '../support/fake-agent.ts';
import { hubAddress } from '../support/hub-address.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');
const INSTALL_PAGE = readFileSync(join(import.meta.dirname, '../../docs/install.md'), 'utf8');

/** Two vendors with a hub each, and their agents in one cluster. */
let ours: Stack;
let theirs: Stack;

beforeAll(async () => {
  [ours, theirs] = await Promise.all([startStackHere(), startStackHere()]);
  const args = ['--set', 'image.tag=1', '--channel', 'stable'];
  const release = { version: '1.0.0', images: [inject('probeImages').one], args };
  const ready = [ours, theirs].map(async (stack) => {
    await stack.publish(HELLO, release);
    await stack.enrol();
    const { operation } = await stack.install('one', 'hello');
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
  });
  await Promise.all(ready);
});
afterAll(() => Promise.all([ours?.stop(), theirs?.stop()]));

const namespaceOf = ({ organization }: Stack, name: string): string => `${organization}-${name}`;

/** What changes when a pod is replaced or restarted, or its workload touched. */
async function traceOf(stack: Stack, name: string): Promise<string> {
  const there = ['-n', namespaceOf(stack, name), '-o'];
  const pods = '{range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount}{"\\n"}{end}';
  return [
    await stack.kubectl(['get', 'pods', ...there, `jsonpath=${pods}`]),
    await stack.kubectl(['get', 'deployment', name, ...there, 'jsonpath={.metadata.uid} {.metadata.generation}']),
  ].join('');
}

function healthy(stack: Stack, name: string): Promise<Installation> {
  const look = async (): Promise<Installation | undefined> => {
    const found = await stack.installation(name);
    return found.health === 'healthy' && found.observedGeneration === found.generation ? found : undefined;
  };
  return waitUntil(look, { what: `${name} is healthy`, timeoutMs: 60_000, intervalMs: 200 });
}

it('no agent of one vendor has a right where the other one is, nor gets one by a grant for its namespace', async () => {
  for (const [agent, other] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    const user = `system:serviceaccount:${agent.agentNamespace}:steward-agent`;
    for (const [verb, resource, namespace] of [
      ['get', 'installations.steward.dev/one', other.agentNamespace],
      ['get', 'secrets/steward-agent-identity', other.agentNamespace],
      ['get', 'deployments.apps/one', namespaceOf(other, 'one')],
      ['patch', 'deployments.apps/one', namespaceOf(other, 'one')],
    ] as const)
      await expect(
        agent.kubectl(['auth', 'can-i', verb, resource, '-n', namespace, '--as', user]),
        `${verb} ${resource} in ${namespace}`,
      ).rejects.toThrow(/no/);
  }
  const before = await traceOf(ours, 'one');
  const namespace = namespaceOf(ours, 'one');
  const wanted = { name: 'late', service: 'hello', cluster: 'prod', namespace };
  const { grantCommand } = await theirs.api.post<CreatedInstallation>('/installations', wanted);
  const owned = `the namespace ${namespace} belongs to one of ${ours.organization}: choose another one`;
  await expect(theirs.shell(grantCommand)).rejects.toThrow(owned);
  const role = ['get', 'role', `steward-agent-${theirs.organization}`, '-n', namespace];
  await expect(theirs.kubectl(role)).rejects.toThrow(/not found/);
  const label = await ours.kubectl(['get', 'namespace', namespace, '-o', 'jsonpath={.metadata.labels}']);
  expect(label).toContain(`"steward.dev/organization":"${ours.organization}"`);
  expect(await traceOf(ours, 'one')).toBe(before);
});

it('an agent that is taken out as documented leaves its services and other vendors alone, and takes up again what runs when it is back', async () => {
  for (const stack of [ours, theirs])
    expect(await healthy(stack, 'one')).toMatchObject({ state: 'running', runningVersion: '1.0.0' });
  const [before, others] = [await traceOf(ours, 'one'), await traceOf(theirs, 'one')];
  const [, lines = ''] = /### Take it out[^]*?```sh\n([^]*?)```/.exec(INSTALL_PAGE) ?? [];
  expect(lines).toContain('delete namespace steward-acme');
  await ours.shell(lines.replaceAll('acme', ours.organization));
  await expect(ours.kubectl(['get', 'namespace', ours.agentNamespace])).rejects.toThrow(/not found/);
  expect(await traceOf(ours, 'one')).toBe(before);
  expect(await ours.installation('one')).toMatchObject({ state: 'running', runningVersion: '1.0.0' });
  await ours.kubectl(['get', 'crd', 'installations.steward.dev']);
  expect(await healthy(theirs, 'one')).toMatchObject({ runningVersion: '1.0.0' });

  const line = await ours.mustSteward('cluster', 'enrol', 'prod', '--output', 'json');
  await ours.shell((JSON.parse(line) as Enrolment).command);
  const { id } = await ours.installation('one');
  const adopted = await waitUntil(
    async () => {
      const { items } = await ours.api.get<{ items: Operation[] }>(`/operations?installation=${id}`);
      return items.find(({ kind, finishedAt }) => kind === 'adopt' && finishedAt !== undefined);
    },
    { what: 'what runs is taken up again', timeoutMs: 60_000, intervalMs: 200 },
  );
  expect(adopted).toMatchObject({ state: 'succeeded', requestedBy: 'the hub' });
  expect(await healthy(ours, 'one')).toMatchObject({ state: 'running', runningVersion: '1.0.0' });
  expect(await traceOf(ours, 'one')).toBe(before);
  expect(await traceOf(theirs, 'one')).toBe(others);
});

it('a copy of an agent is refused and shown, and is the agent after one confirmation; the other one says why it is out', async () => {
  const secret = ['get', 'secret', 'steward-agent-identity', '-n', ours.agentNamespace, '-o', 'json'];
  const { data } = JSON.parse(await ours.kubectl(secret)) as { data: Record<string, string> };
  const field = (name: string): string => Buffer.from(data[name] ?? '', 'base64').toString();
  const privateKey = createPrivateKey(field('private-key.pem'));
  const copy = new FakeAgent(hubAddress(ours.hub.url, ours.hub.caPem), {
    keys: { privateKey, publicKey: createPublicKey(privateKey) },
    clusterId: field('cluster-id'),
    cluster: field('cluster'),
    organization: ours.organization,
    clusterUid: 'uid-of-the-new-place',
  });
  await expect(copy.open()).rejects.toThrow(/409.*if the cluster has moved here/s);
  expect(await ours.mustSteward('cluster', 'show', 'prod')).toMatch(/connected.*uid-of-the-new-place/s);
  await ours.mustSteward('cluster', 're-enrol', 'prod', '--yes');
  await copy.connect();
  const agents = ['get', 'agents', '-n', ours.agentNamespace, '-o', 'wide'];
  await waitUntil(
    async () => /false .*The cluster "prod" has moved, .* Remove this agent/.test(await ours.kubectl(agents)),
    {
      what: 'the agent in the old place says why it is out',
      timeoutMs: 60_000,
      intervalMs: 300,
    },
  );
  await copy.close();
});
