import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { InstallationHealth } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow' } });
  agent = await fixture.start();
  web = await fixture.publish({ chart: 'web' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

const health = (where: Where, wanted: (health: InstallationHealth) => boolean): Promise<InstallationHealth> =>
  fixture.hub.healthOf(where, wanted);

/** Tells the HTTP server of a probe something: of the only pod there, or of one by its name. */
async function tell(where: Where, path: string, name?: string): Promise<void> {
  const first = ['get', 'pods', '-n', where.namespace, '-o', 'jsonpath={.items[0].metadata.name}'];
  const pod = name ?? (await fixture.kubectl(...first));
  const proxy = `/api/v1/namespaces/${where.namespace}/pods/${pod}:8080/proxy${path}`;
  await fixture.kubectl('create', '--raw', proxy, '-f', '/dev/null');
}

describe.concurrent('the health of an installation', () => {
  it('shows an outage of a second, both when it comes and when it goes', async () => {
    const where = await fixture.installed(web);
    await health(where, (found) => found.health === 'healthy');
    const { events } = fixture.hub;
    const own = (): (string | undefined)[] =>
      events.filter(({ installationId }) => installationId === where.installationId).map(({ to }) => to);
    const before = own().length;
    await tell(where, '/ready?value=false');
    const down = await health(where, (found) => found.health !== 'healthy');
    await tell(where, '/ready?value=true');
    await health(where, (found) => found.health === 'healthy');
    expect(down).toMatchObject({
      health: 'unhealthy',
      reasons: expect.arrayContaining([expect.objectContaining({ code: 'NotReady' })]),
    });
    expect(own().slice(before)).toEqual(['unhealthy', 'healthy']);
  });

  it('names the exit code of what crashes, and the limit of what was killed for memory', async () => {
    const where = await fixture.installed(web, { memory: '48Mi' });
    await tell(where, '/exit?code=9');
    const ended = await health(where, ({ reasons }) => reasons.some(({ message }) => message.includes('exit code 9')));
    expect(ended.health).not.toBe('healthy');
    await health(where, (found) => found.health === 'healthy');
    void tell(where, '/eat?mib=80').catch(() => undefined);
    const killed = await health(where, ({ reasons }) => reasons.some(({ code }) => code === 'OOMKilled'));
    expect(killed.reasons.find(({ code }) => code === 'OOMKilled')?.message).toContain('48Mi');
  });

  it('says what the scheduler says, and counts pods', async () => {
    const where = await fixture.installed(web, { replicas: 2 });
    expect(await health(where, (found) => found.health === 'healthy')).toMatchObject({
      workloads: [{ kind: 'Deployment', name: where.name, ready: 2, wanted: 2 }],
    });
    const patch = { spec: { template: { spec: { nodeSelector: { nowhere: 'yes' } } } } };
    await fixture.kubectl('patch', 'deployment', where.name, '-n', where.namespace, '-p', JSON.stringify(patch));
    const found = await health(where, ({ reasons }) => reasons.some(({ code }) => code === 'Unschedulable'));
    expect(found.health).toBe('degraded');
    expect(found.reasons.find(({ code }) => code === 'Unschedulable')?.message).toContain('node affinity');
  });

  it('says which Job of the service failed as often as it may, until a version has one that does not', async () => {
    const change = ({ upgrade }: Published['release']): void => void (upgrade.replace = ['Job']);
    const release = await fixture.publish({ chart: 'failing-job', change });
    const where = fixture.installation();
    await fixture.grant(where.name, release);
    const offer = (generation: number, parameters: Record<string, unknown>) =>
      fixture.hub.end(fixture.offer({ ...where, generation, release, kind: 'install', parameters }));
    expect(await offer(1, {})).toMatchObject({ state: 'failed', reason: 'job-failed' });
    const failed = await health(where, ({ reasons }) => reasons.some(({ code }) => code === 'JobFailed'));
    expect(failed).toMatchObject({ health: 'unhealthy', reasons: [{ object: `Job/${where.name}-prepare` }] });
    expect(failed.reasons[0]?.message).toMatch(/^BackoffLimitExceeded: .*exit code 7/);
    expect(await offer(2, { end: 0 })).toMatchObject({ state: 'succeeded' });
    expect(await health(where, (found) => found.health === 'healthy')).toMatchObject({ reasons: [] });
  });

  it('says which Service has no address that takes traffic, also when all pods of the release are well', async () => {
    const serves = `db-${Date.now()}`;
    const where = await fixture.installed(web, { serves });
    const readinessProbe = { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1 };
    const containers = [{ name: 'probe', image: 'steward.test/probe:1', readinessProbe }];
    const metadata = { name: serves, namespace: where.namespace, labels: { app: serves } };
    const spec = { containers, terminationGracePeriodSeconds: 0 };
    await fixture.apply([{ apiVersion: 'v1', kind: 'Pod', metadata, spec }]);
    await fixture.kubectl('wait', '--for=condition=Ready', `pod/${serves}`, '-n', where.namespace, '--timeout=30s');
    await health(where, (found) => found.health === 'healthy');
    await tell(where, '/ready?value=false', serves);
    const unready = await health(where, ({ reasons }) => reasons.some(({ code }) => code === 'EndpointsUnready'));
    expect(unready).toMatchObject({
      health: 'unhealthy',
      reasons: [{ object: `Service/${where.name}`, message: 'none of its 1 addresses takes traffic' }],
    });
    expect(unready.workloads).toContainEqual(expect.objectContaining({ kind: 'Deployment', health: 'healthy' }));
    await tell(where, '/ready?value=true', serves);
    expect(await health(where, (found) => found.health === 'healthy')).toMatchObject({ reasons: [] });
  });

  it('is in its object for kubectl', async () => {
    const where = await fixture.installed(web);
    await waitUntil(
      async () =>
        (await fixture.kubectl('get', 'installations', where.name, '-n', fixture.namespace)).includes('healthy'),
      { what: 'kubectl to show it', timeoutMs: 20_000 },
    );
  });
});

it('is the same on both sides, also for an agent that starts anew', { tags: ['one-try'] }, async () => {
  const { hub } = fixture;
  await waitUntil(() => hub.agrees(), { what: 'both to agree' });
  agent.kill();
  agent = await fixture.start();
  await waitUntil(() => hub.agrees() && Object.keys(hub.health).length === 6, { what: 'both to agree again' });
});
