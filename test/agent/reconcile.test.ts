import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { packChartOfPacked } from '../charts/pack.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';
import { desiredState } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  web = await fixture.publish({ chart: 'web' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

describe('an installation', () => {
  it('is installed, upgraded and removed, each phase told once', async () => {
    const { hub } = fixture;
    const next = await fixture.publish({ chart: 'web', version: '1.1.0' });
    const where = fixture.installation();
    const { installationId } = where;
    await fixture.grant(where.name, web);
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`;
    const install = hub.offer(desiredState({ ...where, generation: 1, release: web, kind: 'install' }), traceparent);
    const installed = await hub.end(install);
    expect(installed).toMatchObject({ state: 'succeeded', phase: 'done' });
    expect(hub.phases(install)).toEqual(['verify', 'plan', 'apply', 'roll-out', 'done']);
    const spans = installed.spans ?? [];
    expect(spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['agent.verify', 'agent.render', 'agent.plan', 'agent.apply', 'agent.roll-out']),
    );
    expect(new Set(spans.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set(['2'.repeat(16)]));
    expect(hub.observed[installationId]).toMatchObject({ state: 'running', version: '1.0.0', observedGeneration: 1 });
    await waitUntil(() => hub.health[installationId]?.health === 'healthy', { what: 'it to be healthy' });

    const upgrade = fixture.offer({
      ...where,
      generation: 2,
      release: next,
      kind: 'upgrade',
      parameters: { text: 'b' },
    });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(hub.observed[installationId]).toMatchObject({ version: '1.1.0', observedGeneration: 2 });
    const plan = [...(hub.results.get(upgrade)?.values() ?? [])].find((result) => result.plan)?.plan;
    expect(plan?.changes).toContainEqual({
      action: 'update',
      object: `Deployment/${where.name}`,
      fields: ['metadata.annotations.text', 'spec.template.spec.containers[probe].env[TEXT].value'],
    });
    expect(plan?.changes).toContainEqual({ action: 'keep', object: `Service/${where.name}` });

    const removal = fixture.offer({ ...where, generation: 3, release: next, kind: 'uninstall' });
    expect(await hub.end(removal)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.get('Deployment', where.name, where.namespace)).toBeUndefined();
    expect(hub.observed[installationId]).toMatchObject({ state: 'removed', observedGeneration: 3 });
    expect(hub.health[installationId]).toBeUndefined();
    expect(hub.contradictions).toEqual([]);
    expect(hub.agrees()).toBe(true);
  });

  it('keeps everything ready for the settling time before it is done', async () => {
    const { hub } = fixture;
    const settling = await fixture.publish({
      chart: 'web',
      change: (release) => (release.upgrade = { deadlineSeconds: 60, settleSeconds: 2 }),
    });
    const where = fixture.installation();
    await fixture.grant(where.name, settling);
    const install = fixture.offer({ ...where, generation: 1, release: settling, kind: 'install' });
    const settled = await hub.reach(install, { phase: 'settle' });
    const end = await hub.end(install);
    expect(Date.parse(end.at) - Date.parse(settled.at)).toBeGreaterThanOrEqual(1_900);
  });

  it('answers a frame that comes again from the journal, and does nothing twice', { tags: ['one-try'] }, async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const desired = desiredState({ ...where, generation: 1, release: web, kind: 'install' });
    hub.offer(desired);
    hub.offer(desired);
    const end = await hub.end(desired.operation.id);
    const before = (await fixture.get('Deployment', where.name, where.namespace))?.metadata.resourceVersion;
    const results = hub.results.get(desired.operation.id);
    await waitUntil(() => !hub.summary()?.unfinishedOperations.includes(desired.operation.id), { what: 'its ack' });
    results?.clear();
    hub.offer(desired);
    expect(await hub.end(desired.operation.id)).toMatchObject({ state: end.state, revision: end.revision });
    expect((await fixture.get('Deployment', where.name, where.namespace))?.metadata.resourceVersion).toBe(before);
  });

  it('never goes below the highest generation it has seen', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const newer = fixture.offer({ ...where, generation: 5, release: web, kind: 'install' });
    expect(await hub.end(newer)).toMatchObject({ state: 'succeeded' });
    for (const generation of [4, 5]) {
      const older = fixture.offer({ ...where, generation, release: web, kind: 'upgrade', parameters: { text: 'old' } });
      expect(await hub.end(older)).toMatchObject({ state: 'failed', reason: 'superseded', revision: 1 });
    }
    const map = await fixture.get('ConfigMap', where.name, where.namespace);
    expect(map).toMatchObject({ data: { text: 'hello' } });
  });

  it('goes back to a good generation when asked, with the very objects it had', async () => {
    const { hub } = fixture;
    const password = await fixture.publish({ chart: 'password' });
    const where = fixture.installation();
    await fixture.grant(where.name, password);
    const secret = async (): Promise<unknown> =>
      (await fixture.get('Secret', `${where.name}-auth`, where.namespace))?.['data'];
    const install = fixture.offer({ ...where, generation: 1, release: password, kind: 'install' });
    expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
    const first = await secret();
    const upgrade = fixture.offer({
      ...where,
      generation: 2,
      release: password,
      kind: 'upgrade',
      parameters: { text: 'b' },
    });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(await secret()).not.toEqual(first);
    const want = { ...where, release: password, kind: 'rollback' as const };
    const back = fixture.offer({ ...want, generation: 3, toGeneration: 1 });
    expect(await hub.end(back)).toMatchObject({ state: 'succeeded' });
    expect(await secret()).toEqual(first);
    expect(hub.observed[where.installationId]).toMatchObject({ observedGeneration: 3, state: 'running' });
    const nowhere = fixture.offer({ ...want, generation: 4, toGeneration: 77 });
    expect(await hub.end(nowhere)).toMatchObject({ state: 'failed', reason: 'not-in-history' });
  });

  it('is of subcharts too, packed ones as well, and its chart is told the cluster and whether it runs already', async () => {
    const { hub } = fixture;
    const plain = await fixture.publish({ chart: 'subcharts' });
    const vendored = await packChartOfPacked('subcharts');
    const packed = await fixture.publish({ chart: 'subcharts', packed: vendored, version: '1.1.0' });
    const where = await fixture.installed(plain);
    const dataOf = async (part: string): Promise<unknown> =>
      (await fixture.get('ConfigMap', `${where.name}-${part}`, where.namespace))?.['data'];
    const kubernetes = await fixture.admin.version();
    const told = { kubernetes, hasInstallations: 'true', hasOthers: 'false' };
    expect(await dataOf('own')).toEqual({ ...told, isInstall: 'true', isUpgrade: 'false' });
    expect(await dataOf('cache')).toEqual({ size: '2', word: 'shared' });
    const enabled = { cache: { enabled: false }, spare: { enabled: true } };
    const parameters = { ...enabled, part: { size: 3 }, global: { word: 'other' } };
    const upgrade = fixture.offer({ ...where, generation: 2, release: packed, kind: 'upgrade', parameters });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(await dataOf('own')).toEqual({ ...told, isInstall: 'false', isUpgrade: 'true' });
    expect(await dataOf('part')).toEqual({ size: '3', word: 'other' });
    expect(await dataOf('spare')).toEqual({ size: '1', word: 'other' });
    expect(await dataOf('cache')).toBeUndefined();
  });

  it('keeps the stored sets of its last five good generations and no others', async () => {
    const { hub } = fixture;
    const password = await fixture.publish({ chart: 'password' });
    const where = fixture.installation();
    await fixture.grant(where.name, password);
    for (let generation = 1; generation <= 7; generation += 1) {
      const kind = generation === 1 ? 'install' : 'upgrade';
      const parameters = { text: String(generation) };
      await hub.end(fixture.offer({ ...where, generation, release: password, kind, parameters }));
    }
    const names = await fixture.kubectl('get', 'secrets', '-n', fixture.namespace, '-o', 'name');
    const own = names.split('\n').filter((name) => name.includes(`render-${where.name}-`));
    expect(own.sort()).toEqual([3, 4, 5, 6, 7].map((generation) => `secret/render-${where.name}-g${generation}`));
  });

  it('removes what a new version no longer has, and nothing that somebody else made', async () => {
    const { hub } = fixture;
    const service = 'shop';
    const first = await fixture.publish({ chart: 'web', service });
    const second = await fixture.publish({ chart: 'password', service, version: '2.0.0' });
    second.release.permissions.push(...first.release.permissions);
    const where = fixture.installation();
    await fixture.grant(where.name, second);
    await hub.end(fixture.offer({ ...where, generation: 1, release: first, kind: 'install' }));
    await fixture.kubectl('create', 'configmap', 'of-a-person', '-n', where.namespace);
    const upgrade = fixture.offer({ ...where, generation: 2, release: second, kind: 'upgrade' });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.get('Deployment', where.name, where.namespace)).toBeUndefined();
    expect(await fixture.get('Service', where.name, where.namespace)).toBeUndefined();
    expect(await fixture.get('ConfigMap', 'of-a-person', where.namespace)).toBeDefined();
  });

  it('of 300 objects is applied whole, and an upgrade writes the one that differs', async () => {
    const { hub } = fixture;
    const maps = web.release.permissions.filter(({ kind }) => kind === 'ConfigMap');
    const many = await fixture.publish({ chart: 'many', change: (release) => (release.permissions = maps) });
    const where = fixture.installation();
    await fixture.grant(where.name, many);
    const offer = (generation: number, kind: 'install' | 'upgrade', text: string): string =>
      fixture.offer({ ...where, release: many, generation, kind, parameters: { count: 300, text } });
    expect(await hub.end(offer(1, 'install', 'a'))).toMatchObject({ state: 'succeeded' });
    const names = await fixture.kubectl('get', 'configmaps', '-n', where.name, '-o', 'name');
    expect(names.match(/configmap\/c\d+/g)).toHaveLength(300);
    const before = agent.client.writes.length;
    expect(await hub.end(offer(2, 'upgrade', 'b'))).toMatchObject({ state: 'succeeded' });
    const written = agent.client.writes.slice(before).filter((write) => write.includes('ConfigMap/'));
    expect(written).toEqual(['apply ConfigMap/c7']);
  });

  it('does not wait for an operation of another one', async () => {
    const { hub } = fixture;
    const [slow, quick] = [fixture.installation(), fixture.installation()];
    await Promise.all([fixture.grant(slow.name, web), fixture.grant(quick.name, web)]);
    const stuck = fixture.offer({
      ...slow,
      generation: 1,
      release: web,
      kind: 'install',
      parameters: { fault: 'unready' },
    });
    await hub.reach(stuck, { phase: 'roll-out' });
    const other = fixture.offer({ ...quick, generation: 1, release: web, kind: 'install' });
    expect(await hub.end(other)).toMatchObject({ state: 'succeeded' });
    expect(hub.last(stuck)).toMatchObject({ state: 'running' });
  });

  it('may not have the name or the namespace of another one', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    await hub.end(fixture.offer({ ...where, generation: 1, release: web, kind: 'install' }));
    const want = { generation: 1, release: web, kind: 'install' as const };
    const other = { ...fixture.installation(), installationId: randomUUID() };
    const sameName = fixture.offer({ ...other, ...want, name: where.name });
    expect(await hub.end(sameName)).toMatchObject({ state: 'failed', reason: 'conflict' });
    const sameNamespace = fixture.offer({ ...other, ...want, namespace: where.namespace });
    expect(await hub.end(sameNamespace)).toMatchObject({
      reason: 'conflict',
      message: expect.stringContaining(where.name),
    });
    for (const namespace of ['kube-system', fixture.namespace]) {
      const reserved = fixture.offer({ ...other, ...want, namespace });
      expect(await hub.end(reserved)).toMatchObject({ state: 'failed', reason: 'foreign-namespace' });
    }
  });

  it('keeps its volumes when it is removed, says which, and removes them when told to', async () => {
    const { hub } = fixture;
    const store = await fixture.publish({ chart: 'store' });
    const where = fixture.installation();
    await fixture.grant(where.name, store);
    const want = { ...where, release: store };
    expect(await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install' }))).toMatchObject({
      state: 'succeeded',
    });
    const removal = await hub.end(fixture.offer({ ...want, generation: 2, kind: 'uninstall' }));
    const claims = [0, 1].map((ordinal) => `data-${where.name}-${ordinal}`);
    expect(removal).toMatchObject({ state: 'succeeded' });
    const command = `kubectl --namespace ${where.namespace} delete persistentvolumeclaim ${claims.join(' ')}`;
    expect(removal.message).toContain(command);
    for (const claim of claims)
      expect(await fixture.get('PersistentVolumeClaim', claim, where.namespace)).toMatchObject({
        status: { phase: 'Bound' },
      });

    const again = { ...where, installationId: randomUUID(), release: store };
    expect(await hub.end(fixture.offer({ ...again, generation: 1, kind: 'install' }))).toMatchObject({
      state: 'succeeded',
    });
    const all = fixture.offer({ ...again, generation: 2, kind: 'uninstall', deleteVolumes: true });
    expect(await hub.end(all)).toMatchObject({ state: 'succeeded' });
    for (const claim of claims)
      expect(await fixture.get('PersistentVolumeClaim', claim, where.namespace)).toBeUndefined();
  });
});
