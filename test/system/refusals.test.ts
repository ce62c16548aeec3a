import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  OPERATION_FAILURES,
  sha256,
  type CreatedCluster,
  type Operation,
  type OperationDetails,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { FakeAgent } from '../support/fake-agent.ts';
import { hubAddress } from '../support/hub-address.ts';
import { withClient } from '../support/postgres.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ForgedReleases, trustNewKey, type ForgedRelease } from './refusals/forged-releases.ts';

const NOWHERE = { reference: 'steward.test/probe:1', digest: `sha256:${'0'.repeat(64)}` };

let stack: Stack;
let forged: ForgedReleases;
let cluster: CreatedCluster;

beforeAll(async () => {
  stack = await startStackHere();
  forged = await ForgedReleases.start(stack, inject('probeImages').one);
  cluster = await stack.enrol();
  await stack.policy({ upgrade: 'allow', rollback: 'allow' });
});
afterAll(() => stack?.stop());

const unique = (): string => `i${randomBytes(3).toString('hex')}`;
const sql = (text: string, values: unknown[] = []): Promise<unknown> =>
  withClient(stack.databaseUrl, (client) => client.query(text, values));

async function install(service: string, parameters: Record<string, unknown> = {}): Promise<OperationDetails> {
  const { operation } = await stack.install(service, service, { version: '1.0.0', parameters });
  return stack.finished(operation.id);
}

async function upgrade(name: string, wanted: Record<string, unknown>): Promise<OperationDetails> {
  const { id } = await stack.installation(name);
  const operation = await stack.api.post<Operation>(`/installations/${id}/operations`, { kind: 'upgrade', ...wanted });
  return stack.finished(operation.id);
}

/** Refused for this reason, in words, with nothing written into the customer's namespace. */
async function expectRefused(name: string, end: OperationDetails, reason: string, words: RegExp): Promise<void> {
  expect({ state: end.state, reason: end.reasonCode, message: end.message }).toEqual({
    state: 'failed',
    reason,
    message: expect.stringMatching(words),
  });
  expect(OPERATION_FAILURES).toHaveProperty(reason);
  const objects = await stack.kubectl(['get', 'all,configmaps', '-n', `${stack.organization}-${name}`, '-o', 'name']);
  expect(objects.trim()).toBe('configmap/kube-root-ca.crt');
  await waitUntil(async () => (await stack.installation(name)).state === 'failed', { what: 'the hub shows it' });
  expect((await stack.installation(name)).message).toMatch(words);
}

describe.concurrent('a release that a hub taken over has signed and sent is refused by the agent', () => {
  const oneMap = { permissions: [] };
  it.each<[string, ForgedRelease, string, RegExp]>([
    ['that does not render', { chart: 'broken' }, 'render-failed', /cannot use/],
    ['that renders for ever', { chart: 'endless' }, 'render-timeout', /30/],
    ['that renders to 50 MB', { chart: 'huge' }, 'too-large', /./],
    ['that wants a gigabyte to render', { chart: 'hungry' }, 'too-large', /memory/],
    ['that calls itself', { chart: 'recursive' }, 'render-failed', /./],
    ['that is an alias bomb', { chart: 'aliases' }, 'render-failed', /./],
    ['that has too many objects', { chart: 'many' }, 'too-large', /2.?000/],
    ['that wants another namespace', { chart: 'foreign-namespace' }, 'foreign-namespace', /kube-system/],
    ['that wants a ClusterRole', { chart: 'cluster-role' }, 'kind-not-permitted', /ClusterRole/],
    ['that has a kind it does not name', { chart: 'web', change: oneMap }, 'kind-not-permitted', /ConfigMap/],
    ['that wants a privileged pod', { chart: 'privileged' }, 'forbidden-pod-setting', /privileged/],
    ['that wants the files of the node', { chart: 'host-path' }, 'forbidden-pod-setting', /hostPath/],
    ['that runs an image nobody signed', { chart: 'web', change: { images: [] } }, 'image-not-signed', /probe:1/],
    ['that is for another Kubernetes', { chart: 'web', change: { kubernetes: '>=99' } }, 'version-range', />=99/],
  ])('%s', async (_what, release, reason, words) => {
    const service = unique();
    await forged.publish(service, release);
    await expectRefused(service, await install(service), reason, words);
  });

  it('that is signed with a key which the hub trusts and the customer did not pin', async () => {
    const service = unique();
    await forged.publish(service, { chart: 'web', privateKeyPem: await trustNewKey(stack, 'later') });
    await expectRefused(service, await install(service), 'bad-signature', /no valid signature by a trusted key/);
  });
});

describe.concurrent('what is altered in the database is refused by the agent', () => {
  it('a release whose words are others than those signed', async () => {
    const service = unique();
    const { envelope, release, digest } = await forged.publish(service, { chart: 'web' });
    const payload = Buffer.from(JSON.stringify({ ...release, kubernetes: '*' })).toString('base64');
    await sql('UPDATE releases SET envelope = $2 WHERE digest = $1', [
      digest,
      JSON.stringify({ ...envelope, payload }),
    ]);
    await expectRefused(service, await install(service), 'digest-mismatch', /instead of/);
  });

  it('a release whose words and digest are others than those signed', async () => {
    const service = unique();
    const { envelope, release, digest } = await forged.publish(service, { chart: 'web' });
    const payload = Buffer.from(JSON.stringify({ ...release, kubernetes: '*' }));
    await sql('UPDATE releases SET envelope = $2, digest = $3 WHERE digest = $1', [
      digest,
      JSON.stringify({ ...envelope, payload: payload.toString('base64') }),
      sha256(payload),
    ]);
    await expectRefused(service, await install(service), 'bad-signature', /altered/);
  });

  it('a chart that is another than the one signed', async () => {
    const service = unique();
    const packed = gzipSync(randomBytes(2_000));
    const { chartDigest } = await forged.publish(service, { chart: 'web', packed });
    await sql('UPDATE charts SET content = $2 WHERE digest = $1', [chartDigest, gzipSync(randomBytes(2_000))]);
    await expectRefused(service, await install(service), 'digest-mismatch', /chart/);
  });

  it('a chart of 50 MB', async () => {
    const service = unique();
    const { chartDigest } = await forged.publish(service, { chart: 'web', packed: gzipSync(randomBytes(2_000)) });
    await sql('UPDATE charts SET content = $2 WHERE digest = $1', [chartDigest, Buffer.alloc(50_000_000)]);
    await expectRefused(service, await install(service), 'too-large', /larger than/);
  });

  it('a value that the signed list does not allow', async () => {
    const service = unique();
    await forged.publish(service, { chart: 'web' });
    await sql(`CREATE FUNCTION ${service}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      NEW.parameters := '{"text": "x", "image": "evil.example/miner:1"}'; RETURN NEW; END $$`);
    await sql(`CREATE TRIGGER ${service} BEFORE INSERT ON installation_generations FOR EACH ROW
      WHEN (NEW.parameters->>'text' = '${service}') EXECUTE FUNCTION ${service}()`);
    const end = await install(service, { text: service });
    await expectRefused(service, end, 'invalid-parameters', /image/);
    expect(end.message).not.toContain('evil.example');
  });
});

describe.concurrent('a release that cannot run', () => {
  it('for want of its image is given up after seconds, and what is left is explained', async () => {
    const service = unique();
    await forged.publish(service, { chart: 'web', change: { images: [NOWHERE] } });
    const end = await install(service);
    expect(end).toMatchObject({ state: 'failed', reasonCode: 'image-pull-failed' });
    expect(end.message).toMatch(/probe:1.*\. There is no good generation to go back to: what was applied stays/s);
    expect(end.message).not.toContain('..');
    await forged.publish(service, { chart: 'web', change: { version: '1.0.1' } });
    expect(await upgrade(service, { version: '1.0.1' })).toMatchObject({ state: 'succeeded' });
  });

  it('for its pod never gets ready is rolled back at the deadline, with what it waited for', async () => {
    const service = unique();
    await forged.publish(service, { chart: 'web' });
    expect(await install(service)).toMatchObject({ state: 'succeeded' });
    const limit = { version: '1.1.0', upgrade: { deadlineSeconds: 10, settleSeconds: 0 } };
    await forged.publish(service, { chart: 'web', change: limit });
    const end = await upgrade(service, { version: '1.1.0', parameters: { fault: 'unready' } });
    expect(end).toMatchObject({ state: 'rolled-back', reasonCode: 'rollout-deadline' });
    expect(end.message).toMatch(
      /Deployment\/.*Pod\/.* runs, but its readiness check does not succeed.*Generation 1 \(1\.0\.0\) runs again/s,
    );
    expect(end.message).not.toContain('..');
    await waitUntil(
      async () => {
        const { health, runningVersion } = await stack.installation(service);
        return health === 'healthy' && runningVersion === '1.0.0';
      },
      { what: 'the good version is healthy', timeoutMs: 30_000 },
    );
  });

  it('for it is older than what was used here is refused by its counter', async () => {
    const service = unique();
    await forged.publish(service, { chart: 'web' });
    await forged.publish(service, { chart: 'web', change: { version: '1.1.0' } });
    await forged.publish(service, { chart: 'web', change: { version: '1.2.0' } });
    const { operation } = await stack.install(service, service, { version: '1.2.0' });
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
    const end = await upgrade(service, { version: '1.1.0' });
    expect(end).toMatchObject({ state: 'failed', reasonCode: 'counter-too-low' });
    expect((await stack.installation(service)).runningVersion).toBe('1.2.0');
  });
});

describe('the customer', () => {
  it('who freezes changes is obeyed, and the one who pushed is told why and what to do', async () => {
    const service = unique();
    await forged.publish(service, { chart: 'web' });
    expect(await install(service)).toMatchObject({ state: 'succeeded' });
    const policy = { apiVersion: 'steward.dev/v1alpha1', kind: 'SupportPolicy' };
    const metadata = { name: 'freeze', namespace: stack.agentNamespace };
    const spec = { rules: {}, installations: [service], freeze: true };
    await stack.kubectl(['apply', '-f', '-'], JSON.stringify({ ...policy, metadata, spec }));
    const told = await stack.steward('upgrade', service, '--set', 'text=other', '--watch');
    expect(told.code).toBe(1);
    expect(told.stdout + told.stderr).toMatch(/SupportPolicy freeze freezes changes of/);
    expect(told.stdout + told.stderr).toContain(OPERATION_FAILURES.frozen);
  });
});

describe('after all of that', () => {
  it('garbage on another socket ends that one only', async () => {
    const other = await stack.api.post<CreatedCluster>('/clusters', { name: 'other', customer: 'beta' });
    const address = hubAddress(stack.hub.url, stack.hub.caPem);
    const agent = await FakeAgent.enrol(address, other.enrolment.token);
    for (const garbage of ['{"t":', Buffer.from([0, 255]), 'x'.repeat(2_000_000)]) {
      await agent.connect();
      agent.sendRaw(garbage);
      expect([4400, 1009]).toContain((await agent.ended).code);
    }
  });

  it('the agent lives, was never started again, and holds its connection', async () => {
    const pods = await stack.kubectl(['get', 'pods', '-n', stack.agentNamespace, '-o', 'jsonpath={..restartCount}']);
    expect(pods).toBe('0');
    const shown = await stack.api.get<{ connection: string }>(`/clusters/${cluster.cluster.id}`);
    expect(shown.connection).toBe('connected');
    expect(stack.hub.process.exitCode).toBeNull();
  });
});
