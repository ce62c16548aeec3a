import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { generateReleaseKey, type Release } from '@steward/shared';
import type { ResultRecord } from '../../agent/src/link/link.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;
let store: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  web = await fixture.publish({ chart: 'web' });
  store = await fixture.publish({ chart: 'store' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

describe.concurrent('a bad upgrade goes back to the last good generation', () => {
  async function goesBack(
    where: Where,
    release: Published,
    parameters: Record<string, unknown>,
    { timeoutMs = 60_000, next: corrected = release }: { timeoutMs?: number; next?: Published } = {},
  ) {
    const { hub } = fixture;
    const startedMs = Date.now();
    const bad = fixture.offer({ ...where, generation: 2, release, kind: 'upgrade', parameters });
    const end = await hub.end(bad, timeoutMs);
    const tookMs = Date.now() - startedMs;
    expect(end).toMatchObject({ state: 'rolled-back', phase: 'done' });
    expect(hub.phases(bad)).toContain('roll-back');
    expect(hub.observed[where.installationId]).toMatchObject({
      state: 'rolled-back',
      version: '1.0.0',
      observedGeneration: 1,
      generation: 2,
    });
    await waitUntil(() => hub.health[where.installationId]?.health === 'healthy', { what: 'it to be healthy again' });
    const then = { generation: 3, release: corrected, parameters: { text: 'after' } };
    const next = fixture.offer({ ...where, ...then, kind: 'upgrade' });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', observedGeneration: 3 });
    return { end, tookMs };
  }

  it('within seconds when its image does not exist', async () => {
    const where = await fixture.installed(web);
    const missing = await fixture.publish({
      chart: 'web',
      version: '1.1.0',
      change: (release) =>
        (release.images = [{ reference: 'steward.test/probe:1', digest: `sha256:${'0'.repeat(64)}` }]),
    });
    const { hub } = fixture;
    const startedMs = Date.now();
    const bad = fixture.offer({ ...where, generation: 2, release: missing, kind: 'upgrade' });
    expect(await hub.end(bad)).toMatchObject({ state: 'rolled-back', reason: 'image-pull-failed' });
    expect(Date.now() - startedMs).toBeLessThan(30_000);
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'rolled-back', version: '1.0.0' });
    const next = fixture.offer({ ...where, generation: 3, release: web, kind: 'upgrade', parameters: { text: 'c' } });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
  });

  it('when its pods crash', async () => {
    const { end } = await goesBack(await fixture.installed(web), web, { fault: 'crash' }, { timeoutMs: 90_000 });
    expect(end).toMatchObject({ reason: 'crash-loop', message: expect.stringContaining('exit code 3') });
  });

  it('when its pods need a setting that is not there', async () => {
    const { end, tookMs } = await goesBack(await fixture.installed(web), web, { fault: 'missing-config' });
    expect(end).toMatchObject({ reason: 'config-error', message: expect.stringContaining('missing') });
    expect(tookMs).toBeLessThan(30_000);
  });

  it('when it is not ready before the deadline, told with what it waits for', async () => {
    const hasty = await fixture.publish({
      chart: 'web',
      version: '1.1.0',
      change: (release) => (release.upgrade = { deadlineSeconds: 10, settleSeconds: 0 }),
    });
    const next = await fixture.publish({ chart: 'web', version: '1.2.0' });
    const { end } = await goesBack(await fixture.installed(web), hasty, { fault: 'unready' }, { next });
    expect(end).toMatchObject({ reason: 'rollout-deadline', message: expect.stringContaining('Deployment/') });
  });

  it('when its controller gives up first', async () => {
    const { end, tookMs } = await goesBack(await fixture.installed(web), web, { fault: 'unready', deadline: 3 });
    expect(end).toMatchObject({ reason: 'rollout-deadline', message: expect.stringContaining('progress') });
    expect(tookMs).toBeLessThan(40_000);
  });

  it('also a StatefulSet whose first pod never got ready', async () => {
    const hasty = await fixture.publish({
      chart: 'store',
      version: '1.1.0',
      change: (release) => (release.upgrade = { deadlineSeconds: 25, settleSeconds: 0 }),
    });
    const next = await fixture.publish({ chart: 'store', version: '1.2.0' });
    await goesBack(await fixture.installed(store), hasty, { fault: 'unready' }, { timeoutMs: 90_000, next });
  });

  it('when a quota does not let its pods come into being', async () => {
    const where = await fixture.installed(web);
    const hard = { pods: '1' };
    const metadata = { name: 'tight', namespace: where.namespace };
    await fixture.apply([{ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard } }]);
    const bad = fixture.offer({ ...where, generation: 2, release: web, kind: 'upgrade', parameters: { replicas: 2 } });
    const end = await fixture.hub.end(bad);
    expect(end).toMatchObject({ state: 'rolled-back', reason: 'pod-refused' });
    expect(end.message).toContain('exceeded quota');
  });
});

describe.concurrent('a first install that fails', () => {
  it('leaves what was applied to be looked at, and the next version takes its place', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, store);
    const want = { ...where, release: store };
    const bad = fixture.offer({
      ...want,
      generation: 1,
      kind: 'install',
      parameters: { image: 'steward.test/none:1' },
    });
    expect(await hub.end(bad)).toMatchObject({ state: 'failed', reason: 'image-not-signed' });
    const broken = await fixture.publish({
      chart: 'store',
      change: (release) =>
        (release.images = [{ reference: 'steward.test/probe:1', digest: `sha256:${'1'.repeat(64)}` }]),
    });
    const first = fixture.offer({ ...where, release: broken, generation: 2, kind: 'install' });
    const end = await hub.end(first);
    expect(end).toMatchObject({ state: 'failed', reason: 'image-pull-failed' });
    expect(end.message).toContain('stays to be looked at');
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'failed', observedGeneration: 0 });
    const next = fixture.offer({ ...want, generation: 3, kind: 'upgrade' });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
  });

  it('says which job failed and with which exit code', async () => {
    const job = await fixture.publish({ chart: 'failing-job' });
    const where = fixture.installation();
    await fixture.grant(where.name, job);
    const end = await fixture.hub.end(fixture.offer({ ...where, generation: 1, release: job, kind: 'install' }));
    expect(end).toMatchObject({ state: 'failed', reason: 'job-failed' });
    expect(end.message).toContain(`Job/${where.name}-prepare`);
    expect(end.message).toContain('exit code 7');
  });
});

describe.concurrent('refused before anything is written', () => {
  async function refused(release: Published, parameters: Record<string, unknown> = {}) {
    const where = fixture.installation();
    await fixture.grant(where.name, release);
    const operation = fixture.offer({ ...where, generation: 1, release, kind: 'install', parameters });
    const end = await fixture.hub.end(operation);
    const objects = await fixture.kubectl('get', 'all,configmaps', '-n', where.namespace, '-o', 'name');
    expect(objects.trim()).toBe('configmap/kube-root-ca.crt');
    expect(end.state).toBe('failed');
    return end;
  }
  const changed = (change: (release: Release) => void): Promise<Published> => fixture.publish({ chart: 'web', change });

  it('a release that an unknown key has signed', async () => {
    const foreign = generateReleaseKey();
    const release = await fixture.publish({ chart: 'web', privateKeyPem: foreign.privateKeyPem });
    const end = await refused(release);
    expect(end).toMatchObject({ reason: 'bad-signature', message: expect.stringContaining(foreign.key.fingerprint) });
  });

  it('a release that was altered, and one that is another than asked for', async () => {
    const altered = await fixture.publish({ chart: 'web' });
    const envelope = fixture.hub.releases.get(altered.digest);
    if (!envelope) throw new Error('not published');
    const payload = Buffer.from(JSON.stringify({ ...altered.release, counter: 999 })).toString('base64');
    fixture.hub.releases.set(altered.digest, { ...envelope, payload });
    expect(await refused(altered)).toMatchObject({ reason: 'bad-signature' });
    const other = await fixture.publish({ chart: 'web', version: '3.0.0' });
    const swapped = fixture.hub.releases.get(other.digest);
    if (swapped) fixture.hub.releases.set(altered.digest, swapped);
    expect(await refused(altered)).toMatchObject({ reason: 'digest-mismatch' });
  });

  it('what its kind does not take, by the place', async () => {
    const end = await refused(web, { fault: 'twice' });
    expect(end).toMatchObject({ reason: 'apply-refused', message: expect.stringContaining('.env: duplicate entries') });
    expect(end.message).not.toContain('hunter2');
  });

  it('a chart that is not the signed one', async () => {
    const release = await fixture.publish({ chart: 'password', service: 'other' });
    const original = fixture.hub.charts.get(release.release.chart.digest);
    fixture.hub.charts.set(release.release.chart.digest, Buffer.from('not this'));
    expect(await refused(release)).toMatchObject({ reason: 'digest-mismatch' });
    if (original) fixture.hub.charts.set(release.release.chart.digest, original);
  });

  it('parameters outside the signed schema', async () => {
    const closed = await changed((release) => {
      release.parameters = { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } } };
    });
    const end = await refused(closed, { text: 'fine', replicas: 7 });
    expect(end).toMatchObject({ reason: 'invalid-parameters', message: expect.stringContaining('replicas') });
  });

  const unfit: [string, (release: Release) => void][] = [
    ['expired-release', (release) => void (release.expiresAt = '2020-01-01T00:00:00Z')],
    ['version-range', (release) => void (release.minimumAgentVersion = '99.0.0')],
    ['version-range', (release) => void (release.kubernetes = '>=99')],
  ];
  it.each(unfit)('%s', async (reason, change) => {
    expect(await refused(await changed(change))).toMatchObject({ reason });
  });

  it('what a quota does not allow', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const metadata = { name: 'tight', namespace: where.namespace };
    const hard = { 'count/services': '0' };
    await fixture.apply([{ apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard } }]);
    await waitUntil(
      async () =>
        (await fixture.kubectl('get', 'resourcequota', 'tight', '-n', where.namespace, '-o', 'json')).includes(
          '"used"',
        ),
      { what: 'the quota to count' },
    );
    const end = await fixture.hub.end(fixture.offer({ ...where, generation: 1, release: web, kind: 'install' }));
    expect(end).toMatchObject({
      state: 'failed',
      reason: 'apply-refused',
      message: expect.stringContaining('exceeded quota'),
    });
    expect(await fixture.get('ConfigMap', where.name, where.namespace)).toBeUndefined();
  });

  it('objects that belong to somebody else, who is named', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const labels = { 'app.kubernetes.io/managed-by': 'Helm' };
    const annotations = { 'meta.helm.sh/release-name': 'by-hand' };
    const metadata = { name: where.name, namespace: where.namespace, labels, annotations };
    await fixture.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: {} }]);
    const end = await fixture.hub.end(fixture.offer({ ...where, generation: 1, release: web, kind: 'install' }));
    expect(end).toMatchObject({ reason: 'conflict', message: expect.stringContaining('the Helm release by-hand') });
  });
});

describe('an older release', () => {
  it('is refused by its counter, unless it is one of this installation itself', async () => {
    const { hub } = fixture;
    const service = 'counted';
    const counted = (version: string, counter: number): Promise<Published> =>
      fixture.publish({ chart: 'password', service, version, counter });
    const low = await counted('1.0.0', 101);
    const middle = await counted('1.1.0', 102);
    const high = await counted('1.2.0', 103);
    const where = await fixture.installed(low);
    const run = async (generation: number, release: Published): Promise<ResultRecord> =>
      hub.end(fixture.offer({ ...where, generation, release, kind: 'upgrade' }));
    expect(await run(2, high)).toMatchObject({ state: 'succeeded' });
    expect(await run(3, middle)).toMatchObject({ state: 'failed', reason: 'counter-too-low' });
    expect(await run(4, low)).toMatchObject({ state: 'succeeded' });
  });
});

describe('while the hub is away', () => {
  it('an operation that needs its chart waits, and goes on when it is back', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    hub.isAway = true;
    const operation = fixture.offer({ ...where, generation: 1, release: web, kind: 'install' });
    await hub.reach(operation, { message: 'waiting for the hub: the hub does not answer' });
    hub.isAway = false;
    expect(await hub.end(operation)).toMatchObject({ state: 'succeeded' });
    expect(hub.contradictions).toEqual([]);
  });
});
