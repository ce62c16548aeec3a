import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestAuthority, type TestAuthority } from '../../agent/src/testing/authority.ts';
import { chartFolder } from '../charts/pack.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

const login = { username: 'anna', password: 'p:w' };

let fixture: ReconcileFixture;
let agent: RunningAgent;
let authority: TestAuthority;
/** A real one, behind a login, into which Helm pushed the chart. */
let registry: TestRegistry;
let packed: Buffer;
/** One that does as it is told. */
let faulty: Server;
let faultyHost: string;
let answer: { status: number; body?: Buffer } = { status: 404 };

beforeAll(async () => {
  authority = await createTestAuthority();
  registry = await startRegistry({ tls: authority, login });
  packed = await readFile(await registry.push(chartFolder('web'), '1.0.0', 'corp/charts'));
  faulty = createServer(authority, (_request, response) => response.writeHead(answer.status).end(answer.body));
  faultyHost = `127.0.0.1:${await listen(0)}`;
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow' } });
  agent = await fixture.start();
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
  await registry?.stop();
  faulty?.closeAllConnections();
  faulty?.close();
});

async function listen(port: number): Promise<number> {
  faulty.listen(port, '127.0.0.1');
  await once(faulty, 'listening');
  const address = faulty.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A release whose chart is not on the hub. */
function publishAt(place: string, version: string): Promise<Published> {
  return fixture.publish({ chart: 'web', version, packed, change: ({ chart }) => (chart.oci = place) });
}

async function imageSource(name: string, spec: object): Promise<void> {
  const metadata = { name, namespace: fixture.namespace };
  await fixture.apply([{ apiVersion: 'steward.dev/v1alpha1', kind: 'ImageSource', metadata, spec }]);
}

/** In the agent's own namespace, for one registry. */
async function secret(name: string, host: string, auth: object): Promise<void> {
  const stringData = { '.dockerconfigjson': JSON.stringify({ auths: { [host]: auth } }), 'ca.crt': authority.caPem };
  const metadata = { name, namespace: fixture.namespace };
  await fixture.apply([
    { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/dockerconfigjson', metadata, stringData },
  ]);
}

describe('a chart that lies in a registry', () => {
  it('comes from where the customer mirrors it, with the login and the authority of their Secret', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    const release = await publishAt('registry.vendor.test/charts/web', '1.0.0');
    await fixture.grant(where.name, release);
    const mirrors = [{ from: 'registry.vendor.test', to: `${registry.host}/corp` }];
    await imageSource('ours', { mirrors, chartPullSecrets: ['corp-charts'], installations: [where.name] });
    const install = { ...where, release, kind: 'install' } as const;
    expect(await hub.end(fixture.offer({ ...install, generation: 1 }))).toMatchObject({
      state: 'failed',
      reason: 'image-source-invalid',
      message: expect.stringContaining(`Secret/corp-charts, which an ImageSource names`),
    });
    await secret('corp-charts', registry.host, { ...login, password: 'another' });
    expect(await hub.end(fixture.offer({ ...install, generation: 2 }))).toMatchObject({
      state: 'failed',
      reason: 'chart-unavailable',
      message: expect.stringContaining('to the login anna (HTTP 401)'),
    });
    await secret('corp-charts', registry.host, login);
    expect(await hub.end(fixture.offer({ ...install, generation: 3 }))).toMatchObject({ state: 'succeeded' });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', version: '1.0.0' });
    expect(hub.contradictions).toEqual([]);
  });

  it('is not run with other bytes; what cannot be had leaves the old version, and is had when it is there', async () => {
    const { hub } = fixture;
    const [where, second, third] = [fixture.installation(), fixture.installation(), fixture.installation()];
    const web = await fixture.publish({ chart: 'web' });
    for (const { name } of [where, second, third]) await fixture.grant(name, web);
    await secret('vendor-charts', faultyHost, {});
    await imageSource('theirs', { chartPullSecrets: ['vendor-charts'], installations: [where.name, second.name] });
    const install = fixture.offer({ ...where, generation: 1, release: web, kind: 'install' });
    expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
    const release = await publishAt(`${faultyHost}/charts/web`, '1.1.0');
    const upgrade = { ...where, release, kind: 'upgrade' } as const;

    const changed = Buffer.from(packed);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    const tries = [
      [{ status: 200, body: changed }, 'digest-mismatch', 'the registry sent a chart with the digest'],
      [{ status: 404 }, 'chart-unavailable', `${faultyHost} has no charts/web`],
      [{ status: 401 }, 'chart-unavailable', `${faultyHost} asks for a login`],
    ] as const;
    let generation = 2;
    for (const [given, reason, message] of tries) {
      answer = given;
      const refused = await hub.end(fixture.offer({ ...upgrade, generation: generation++ }));
      expect(refused).toMatchObject({ state: 'failed', reason, message: expect.stringContaining(message) });
      expect(hub.observed[where.installationId]).toMatchObject({ version: '1.0.0', observedGeneration: 1 });
      expect(hub.health[where.installationId]?.health).toBe('healthy');
    }

    faulty.closeAllConnections();
    faulty.close();
    const last = fixture.offer({ ...upgrade, generation });
    const waiting = await hub.reach(last, { reason: 'chart-unavailable', phase: 'verify' });
    expect(waiting.message).toMatch(/^waiting for the registry: .*nothing listens there/);
    // However many wait: a chart that the hub has is installed meanwhile.
    const another = fixture.offer({ ...second, generation: 1, release, kind: 'install' });
    await hub.reach(another, { reason: 'chart-unavailable', phase: 'verify' });
    const fromHub = fixture.offer({ ...third, generation: 1, release: web, kind: 'install' });
    expect(await hub.end(fromHub)).toMatchObject({ state: 'succeeded' });

    answer = { status: 200, body: packed };
    await listen(Number(faultyHost.split(':')[1]));
    expect(await hub.end(last)).toMatchObject({ state: 'succeeded' });
    expect(await hub.end(another)).toMatchObject({ state: 'succeeded' });
    expect(hub.observed[where.installationId]).toMatchObject({ version: '1.1.0', observedGeneration: generation });
    expect(hub.contradictions).toEqual([]);
  });
});
