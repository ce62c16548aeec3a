import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt, type Release } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { openDriftWorld, type DriftWorld } from './drift-world.ts';
import type { Published, ReconcileFixture, RunningAgent } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let world: DriftWorld;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  ({ fixture, world, agent, web } = await openDriftWorld(inject('kubeconfig')));
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

const reported = (release: Release): void => {
  release.drift = { mode: 'report' };
};

describe.concurrent('what somebody changed', () => {
  it('is put right from the stored set, told to the hub and shown by kubectl, and is no bad health', async () => {
    const where = await fixture.installed(web);
    await world.kubectl(where, 'set', 'env', `deployment/${where.name}`, 'TEXT=other', 'MORE=theirs');
    const { entries } = await world.said(where, 'repaired');
    expect(entries).toMatchObject([
      { object: `Deployment/${where.name}`, message: expect.stringContaining('changed by kubectl-set: spec.template') },
    ]);
    const container = fieldAt(await world.live(where, 'Deployment'), [
      'spec',
      'template',
      'spec',
      'containers',
      'probe',
    ]);
    // What the set does not have is somebody else's.
    expect(fieldAt(container, ['env', 'TEXT', 'value'])).toBe('hello');
    expect(fieldAt(container, ['env', 'MORE', 'value'])).toBe('theirs');
    await world.told(where, ['drift.repaired']);
    expect(await fixture.kubectl('get', 'installations', where.name, '-n', fixture.namespace)).toContain('repaired');
    await waitUntil(() => fixture.hub.health[where.installationId]?.health === 'healthy', {
      what: 'it to be healthy',
      timeoutMs: 30_000,
    });
    expect(world.reasons(where)).toEqual([]);
  });

  it('has the password that the chart made up first, also when its Secret is deleted or changed', async () => {
    const password = await fixture.publish({ chart: 'password' });
    const where = await fixture.installed(password);
    const secret = `${where.name}-auth`;
    const first = await world.live(where, 'Secret', secret);
    await world.kubectl(where, 'delete', 'secret', secret);
    await world.said(where, 'repaired');
    expect((await world.live(where, 'Secret', secret))?.['data']).toEqual(first?.['data']);
    await world.patch(where, `secret/${secret}`, { data: { password: Buffer.from('guessed').toString('base64') } });
    await waitUntil(async () => world.events(where).length === 2, { what: 'another repair', timeoutMs: 20_000 });
    expect((await world.live(where, 'Secret', secret))?.['data']).toEqual(first?.['data']);
    expect(JSON.stringify(await world.drift(where))).not.toContain('guessed');
  });

  it('is made again when it was deleted, with its new uid written down', async () => {
    const where = await fixture.installed(web);
    const before = await world.live(where, 'Deployment');
    await world.kubectl(where, 'delete', 'deployment,service', where.name);
    const again = await waitUntil(
      async () => {
        const found = await world.live(where, 'Deployment');
        const isAgain = found !== undefined && found.metadata.uid !== before?.metadata.uid;
        return isAgain && (await world.live(where, 'Service')) ? found : undefined;
      },
      { what: 'both to be there again', timeoutMs: 30_000 },
    );
    await world.said(where, 'repaired');
    const installation = await fixture.get('Installation', where.name);
    const inventory = JSON.stringify(fieldAt(installation, ['status', 'inventory']));
    expect(inventory).toContain(again.metadata.uid);
    expect(inventory).not.toContain(before?.metadata.uid);
  });

  it('is only told where the release says so', async () => {
    const where = await fixture.installed(await fixture.publish({ chart: 'web', version: '1.0.1', change: reported }));
    await world.edit(where, 'other');
    const { message } = await world.said(where, 'reported');
    expect(message).toContain('data.text. It is left as it is: this version only tells what others change');
    expect(await world.text(where)).toBe('other');
    await waitUntil(() => world.reasons(where).some(({ code }) => code === 'Drift'), { what: 'the hub to be told' });
    await world.told(where, ['drift.found']);
    await world.edit(where, 'hello');
    await waitUntil(async () => (await world.drift(where)) === undefined, {
      what: 'it to be forgotten',
      timeoutMs: 20_000,
    });
    await waitUntil(() => world.reasons(where).length === 0, { what: 'the hub to be told that too' });
  });

  it.each([
    ['the policy says', { rules: { repair: 'ask' } }, 'repair of'],
    ['all is frozen', { rules: {}, freeze: true }, 'freezes changes'],
  ])('is only told while %s so, and put right after', async (_what, spec, words) => {
    const where = await fixture.installed(web);
    await fixture.policy({ ...spec, installations: [where.name] }, where.name);
    await world.edit(where, 'other');
    expect((await world.said(where, 'reported')).message).toContain(words);
    expect(await world.text(where)).toBe('other');
    await fixture.kubectl('delete', 'supportpolicy', where.name, '-n', fixture.namespace);
    await world.said(where, 'repaired');
    expect(await world.text(where)).toBe('hello');
  });

  it('is left alone on an object that is paused, and on an installation that is, until they no longer are', async () => {
    const where = await fixture.installed(web);
    const map = `configmap/${where.name}`;
    await world.kubectl(where, 'annotate', map, 'steward.dev/paused=for a look');
    expect((await world.said(where, 'paused')).entries).toMatchObject([
      { object: `ConfigMap/${where.name}`, fields: [] },
    ]);
    await world.edit(where, 'other');
    await waitUntil(async () => (await world.drift(where))?.entries[0]?.fields.length === 1, {
      what: 'it to be shown',
    });
    await waitUntil(() => world.reasons(where).some(({ code }) => code === 'RepairPaused'), {
      what: 'the hub to be told',
    });
    expect(await world.text(where)).toBe('other');
    await world.kubectl(where, 'annotate', map, 'steward.dev/paused-');
    await world.said(where, 'repaired');
    expect(await world.text(where)).toBe('hello');

    const installation = ['annotate', 'installation', where.name, '-n', fixture.namespace];
    await fixture.kubectl(...installation, 'steward.dev/paused=');
    await world.said(where, 'paused');
    await world.kubectl(where, 'delete', 'configmap', where.name);
    await waitUntil(async () => (await world.drift(where))?.entries.length === 2, {
      what: 'it to be shown',
      timeoutMs: 20_000,
    });
    expect(await world.live(where, 'ConfigMap')).toBeUndefined();
    await fixture.kubectl(...installation, 'steward.dev/paused-');
    await world.said(where, 'repaired');
    expect(await world.text(where)).toBe('hello');
  });

  it('the third time in ten minutes is left to whoever changes it, and said on both sides', async () => {
    const where = await fixture.installed(web);
    for (const to of ['a', 'b']) {
      await world.edit(where, to);
      await waitUntil(async () => (await world.text(where)) === 'hello', {
        what: 'it to be put right',
        timeoutMs: 20_000,
      });
    }
    await world.edit(where, 'c');
    const { message } = await world.said(where, 'contested');
    expect(message).toContain('It was changed 3 times in ten minutes, so it is not put right any more');
    await waitUntil(() => world.reasons(where).some(({ code }) => code === 'DriftContested'), {
      what: 'the hub to be told',
    });
    // All else of it still is.
    await world.patch(where, `configmap/${where.name}`, {
      metadata: { labels: { 'steward.dev/installation': 'theirs' } },
    });
    await waitUntil(
      async () => (await world.live(where, 'ConfigMap'))?.metadata.labels?.['steward.dev/installation'] === where.name,
      { what: 'its label to be put right', timeoutMs: 20_000 },
    );
    expect(await world.text(where)).toBe('c');
    await world.told(where, ['drift.repaired', 'drift.repaired', 'drift.contested']);
    await world.edit(where, 'hello');
    await waitUntil(async () => (await world.drift(where))?.state !== 'contested', {
      what: 'it to be over',
      timeoutMs: 20_000,
    });
    await world.upgraded(where, web, { text: 'next' });
    expect(await world.text(where)).toBe('next');
  });
});

describe.concurrent('what is not ours', () => {
  it('stays, and no look writes anything', async () => {
    const where = await fixture.installed(web);
    await world.looked(where, () => world.kubectl(where, 'label', 'configmap', where.name, 'their=label'));
    await world.looked(where, () => world.kubectl(where, 'annotate', 'service', where.name, 'their=annotation'));
    const versions = async (): Promise<unknown[]> => {
      const objects = await Promise.all(['ConfigMap', 'Service'].map((kind) => world.live(where, kind)));
      return [...objects, await fixture.get('Installation', where.name)].map((one) => one?.metadata.resourceVersion);
    };
    await waitUntil(async () => fixture.hub.health[where.installationId]?.health === 'healthy', {
      what: 'health',
      timeoutMs: 30_000,
    });
    await waitUntil(
      async () => fieldAt(await fixture.get('Installation', where.name), ['status', 'health']) === 'healthy',
      { what: 'its writing', timeoutMs: 30_000 },
    );
    const before = await versions();
    const annotated = { metadata: { annotations: { a: 'b' } } };
    await world.looked(where, () => world.patch(where, `configmap/${where.name}`, annotated));
    const [map, ...others] = await versions();
    expect(map).not.toBe(before[0]);
    expect(others).toEqual(before.slice(1));
    expect((await world.live(where, 'ConfigMap'))?.metadata.labels).toMatchObject({ their: 'label' });
    const sidecar = { name: 'sidecar', image: 'steward.test/probe:1' };
    const containers = { spec: { template: { spec: { containers: [sidecar] } } } };
    await world.looked(where, () => world.patch(where, `deployment/${where.name}`, containers, 'strategic'));
    const names = fieldAt(await world.live(where, 'Deployment'), ['spec', 'template', 'spec', 'containers']);
    expect(names).toHaveLength(2);
    expect(world.events(where)).toEqual([]);
  });

  it('is the count of what an autoscaler scales, also over an upgrade; a job that is gone; an empty volume', async () => {
    const scaled = await fixture.publish({ chart: 'scaled' });
    const where = await fixture.installed(scaled);
    const replicas = async (): Promise<unknown> => fieldAt(await world.live(where, 'Deployment'), ['spec', 'replicas']);
    await waitUntil(async () => (await replicas()) === 2, { what: 'the autoscaler to scale it', timeoutMs: 60_000 });
    await world.looked(where, () => world.kubectl(where, 'label', 'deployment', where.name, 'their=label'));
    expect(await replicas()).toBe(2);
    await world.upgraded(where, scaled, { text: 'next' });
    expect(await world.live(where, 'Deployment')).toMatchObject({
      metadata: { annotations: { text: 'next' } },
      spec: { replicas: 2 },
    });
    await world.looked(where, () => world.kubectl(where, 'delete', 'job', `${where.name}-once`));
    await world.kubectl(where, 'delete', 'pvc', where.name);
    const { entries } = await world.said(where, 'refused');
    expect(entries).toMatchObject([{ object: `PersistentVolumeClaim/${where.name}` }]);
    expect(entries[0]?.message).toContain('an empty volume would take the place of the data');
    expect(await world.live(where, 'Job', `${where.name}-once`)).toBeUndefined();
    expect(await world.live(where, 'PersistentVolumeClaim')).toBeUndefined();
    expect(await replicas()).toBe(2);
  });

  it('are fields that the release declares, also over an upgrade, once somebody has set them', async () => {
    const ignore = [{ kind: 'ConfigMap', name: '${installation}', fields: ['data.text'] }];
    const open = await fixture.publish({ chart: 'web', version: '1.0.2', change: (one) => (one.drift = { ignore }) });
    const where = await fixture.installed(open);
    await world.upgraded(where, open, { text: 'still ours' });
    expect(await world.text(where)).toBe('still ours');
    await world.looked(where, () => world.edit(where, 'theirs'));
    expect(await world.text(where)).toBe('theirs');
    const upgrade = fixture.offer({
      ...where,
      generation: 3,
      release: open,
      kind: 'upgrade',
      parameters: { text: 'next' },
    });
    expect(await fixture.hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(await world.text(where)).toBe('theirs');
    expect(world.events(where)).toEqual([]);
  });
});
