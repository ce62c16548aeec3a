import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt, type HealthReason, type Release } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import type { DriftStatus } from '../../agent/src/operations/drift-status.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  agent = await fixture.start(undefined, { slowMs: 2_000, retryMs: 1_000 });
  web = await fixture.publish({ chart: 'web' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

async function upgraded(where: Where, release: Published, parameters: Record<string, unknown>): Promise<void> {
  const upgrade = fixture.offer({ ...where, generation: 2, release, kind: 'upgrade', parameters });
  expect(await fixture.hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
}

const kubectl = ({ namespace }: Where, ...args: string[]): Promise<string> => fixture.kubectl(...args, '-n', namespace);
const patch = (where: Where, object: string, change: object, type = 'merge'): Promise<string> =>
  kubectl(where, 'patch', object, `--type=${type}`, '-p', JSON.stringify(change));

async function live(where: Where, kind: string, name = where.name): Promise<KubeObject | undefined> {
  return fixture.get(kind, name, where.namespace);
}

async function drift({ name }: Where): Promise<DriftStatus | undefined> {
  const installation = await fixture.get('Installation', name);
  return fieldAt(installation, ['status', 'drift']) as DriftStatus | undefined;
}

/** What is said of it in the Installation object, once it is that. */
async function said(where: Where, state: DriftStatus['state']): Promise<DriftStatus> {
  return waitUntil(
    async () => {
      const found = await drift(where);
      return found?.state === state ? found : undefined;
    },
    { what: `${where.name} to be ${state}`, timeoutMs: 30_000 },
  );
}

const events = ({ installationId }: Where): string[] =>
  fixture.hub.events
    .filter((event) => event.installationId === installationId && event.kind.startsWith('drift.'))
    .map(({ kind }) => kind);

/** The hub hears of it right after it is written down. */
async function told(where: Where, kinds: string[]): Promise<void> {
  await waitUntil(() => events(where).length >= kinds.length, { what: `${kinds.join(', ')} to be told` });
  expect(events(where)).toEqual(kinds);
}

const reasons = ({ installationId }: Where): HealthReason[] => fixture.hub.health[installationId]?.reasons ?? [];

/** How often the agent has looked at it so far. */
function looks({ name }: Where): number {
  return fixture.logged.filter((line) => line.includes('looked for drift') && line.includes(`"${name}"`)).length;
}

/** Does something, and waits until the agent has looked at it. */
async function looked<T>(where: Where, work: () => Promise<T>): Promise<T> {
  const before = looks(where);
  const done = await work();
  await waitUntil(() => looks(where) > before, { what: `another look at ${where.name}`, timeoutMs: 30_000 });
  return done;
}

async function text(where: Where): Promise<unknown> {
  return fieldAt(await live(where, 'ConfigMap'), ['data', 'text']);
}

const edit = (where: Where, to: string): Promise<string> =>
  patch(where, `configmap/${where.name}`, { data: { text: to } });
const reported = (release: Release): void => {
  release.drift = { mode: 'report' };
};

describe.concurrent('what somebody changed', () => {
  it('is put right from the stored set, told to the hub and shown by kubectl, and is no bad health', async () => {
    const where = await fixture.installed(web);
    await kubectl(where, 'set', 'env', `deployment/${where.name}`, 'TEXT=other', 'MORE=theirs');
    const { entries } = await said(where, 'repaired');
    expect(entries).toMatchObject([
      { object: `Deployment/${where.name}`, message: expect.stringContaining('changed by kubectl-set: spec.template') },
    ]);
    const container = fieldAt(await live(where, 'Deployment'), ['spec', 'template', 'spec', 'containers', 'probe']);
    // What the set does not have is somebody else's.
    expect(fieldAt(container, ['env', 'TEXT', 'value'])).toBe('hello');
    expect(fieldAt(container, ['env', 'MORE', 'value'])).toBe('theirs');
    await told(where, ['drift.repaired']);
    expect(await fixture.kubectl('get', 'installations', where.name, '-n', fixture.namespace)).toContain('repaired');
    await waitUntil(() => fixture.hub.health[where.installationId]?.health === 'healthy', {
      what: 'it to be healthy',
      timeoutMs: 30_000,
    });
    expect(reasons(where)).toEqual([]);
  });

  it('has the password that the chart made up first, also when its Secret is deleted or changed', async () => {
    const password = await fixture.publish({ chart: 'password' });
    const where = await fixture.installed(password);
    const secret = `${where.name}-auth`;
    const first = await live(where, 'Secret', secret);
    await kubectl(where, 'delete', 'secret', secret);
    await said(where, 'repaired');
    expect((await live(where, 'Secret', secret))?.['data']).toEqual(first?.['data']);
    await patch(where, `secret/${secret}`, { data: { password: Buffer.from('guessed').toString('base64') } });
    await waitUntil(async () => events(where).length === 2, { what: 'another repair', timeoutMs: 20_000 });
    expect((await live(where, 'Secret', secret))?.['data']).toEqual(first?.['data']);
    expect(JSON.stringify(await drift(where))).not.toContain('guessed');
  });

  it('is made again when it was deleted, with its new uid written down', async () => {
    const where = await fixture.installed(web);
    const before = await live(where, 'Deployment');
    await kubectl(where, 'delete', 'deployment,service', where.name);
    const again = await waitUntil(
      async () => {
        const found = await live(where, 'Deployment');
        const isAgain = found !== undefined && found.metadata.uid !== before?.metadata.uid;
        return isAgain && (await live(where, 'Service')) ? found : undefined;
      },
      { what: 'both to be there again', timeoutMs: 30_000 },
    );
    await said(where, 'repaired');
    const installation = await fixture.get('Installation', where.name);
    const inventory = JSON.stringify(fieldAt(installation, ['status', 'inventory']));
    expect(inventory).toContain(again.metadata.uid);
    expect(inventory).not.toContain(before?.metadata.uid);
  });

  it('is only told where the release says so', async () => {
    const where = await fixture.installed(await fixture.publish({ chart: 'web', version: '1.0.1', change: reported }));
    await edit(where, 'other');
    const { message } = await said(where, 'reported');
    expect(message).toContain('data.text. It is left as it is: this version only tells what others change');
    expect(await text(where)).toBe('other');
    await waitUntil(() => reasons(where).some(({ code }) => code === 'Drift'), { what: 'the hub to be told' });
    await told(where, ['drift.found']);
    await edit(where, 'hello');
    await waitUntil(async () => (await drift(where)) === undefined, { what: 'it to be forgotten', timeoutMs: 20_000 });
    await waitUntil(() => reasons(where).length === 0, { what: 'the hub to be told that too' });
  });

  it.each([
    ['the policy says', { rules: { repair: 'ask' } }, 'repair of'],
    ['all is frozen', { rules: {}, freeze: true }, 'freezes changes'],
  ])('is only told while %s so, and put right after', async (_what, spec, words) => {
    const where = await fixture.installed(web);
    await fixture.policy({ ...spec, installations: [where.name] }, where.name);
    await edit(where, 'other');
    expect((await said(where, 'reported')).message).toContain(words);
    expect(await text(where)).toBe('other');
    await fixture.kubectl('delete', 'supportpolicy', where.name, '-n', fixture.namespace);
    await said(where, 'repaired');
    expect(await text(where)).toBe('hello');
  });

  it('is left alone on an object that is paused, and on an installation that is, until they no longer are', async () => {
    const where = await fixture.installed(web);
    const map = `configmap/${where.name}`;
    await kubectl(where, 'annotate', map, 'steward.dev/paused=for a look');
    expect((await said(where, 'paused')).entries).toMatchObject([{ object: `ConfigMap/${where.name}`, fields: [] }]);
    await edit(where, 'other');
    await waitUntil(async () => (await drift(where))?.entries[0]?.fields.length === 1, { what: 'it to be shown' });
    await waitUntil(() => reasons(where).some(({ code }) => code === 'RepairPaused'), { what: 'the hub to be told' });
    expect(await text(where)).toBe('other');
    await kubectl(where, 'annotate', map, 'steward.dev/paused-');
    await said(where, 'repaired');
    expect(await text(where)).toBe('hello');

    const installation = ['annotate', 'installation', where.name, '-n', fixture.namespace];
    await fixture.kubectl(...installation, 'steward.dev/paused=');
    await said(where, 'paused');
    await kubectl(where, 'delete', 'configmap', where.name);
    await waitUntil(async () => (await drift(where))?.entries.length === 2, {
      what: 'it to be shown',
      timeoutMs: 20_000,
    });
    expect(await live(where, 'ConfigMap')).toBeUndefined();
    await fixture.kubectl(...installation, 'steward.dev/paused-');
    await said(where, 'repaired');
    expect(await text(where)).toBe('hello');
  });

  it('the third time in ten minutes is left to whoever changes it, and said on both sides', async () => {
    const where = await fixture.installed(web);
    for (const to of ['a', 'b']) {
      await edit(where, to);
      await waitUntil(async () => (await text(where)) === 'hello', { what: 'it to be put right', timeoutMs: 20_000 });
    }
    await edit(where, 'c');
    const { message } = await said(where, 'contested');
    expect(message).toContain('It was changed 3 times in ten minutes, so it is not put right any more');
    await waitUntil(() => reasons(where).some(({ code }) => code === 'DriftContested'), { what: 'the hub to be told' });
    // All else of it still is.
    await patch(where, `configmap/${where.name}`, { metadata: { labels: { 'steward.dev/installation': 'theirs' } } });
    await waitUntil(
      async () => (await live(where, 'ConfigMap'))?.metadata.labels?.['steward.dev/installation'] === where.name,
      { what: 'its label to be put right', timeoutMs: 20_000 },
    );
    expect(await text(where)).toBe('c');
    await told(where, ['drift.repaired', 'drift.repaired', 'drift.contested']);
    await edit(where, 'hello');
    await waitUntil(async () => (await drift(where))?.state !== 'contested', {
      what: 'it to be over',
      timeoutMs: 20_000,
    });
    await upgraded(where, web, { text: 'next' });
    expect(await text(where)).toBe('next');
  });
});

describe.concurrent('what is not ours', () => {
  it('stays, and no look writes anything', async () => {
    const where = await fixture.installed(web);
    await looked(where, () => kubectl(where, 'label', 'configmap', where.name, 'their=label'));
    await looked(where, () => kubectl(where, 'annotate', 'service', where.name, 'their=annotation'));
    const versions = async (): Promise<unknown[]> => {
      const objects = await Promise.all(['ConfigMap', 'Service'].map((kind) => live(where, kind)));
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
    await looked(where, () => patch(where, `configmap/${where.name}`, annotated));
    const [map, ...others] = await versions();
    expect(map).not.toBe(before[0]);
    expect(others).toEqual(before.slice(1));
    expect((await live(where, 'ConfigMap'))?.metadata.labels).toMatchObject({ their: 'label' });
    const sidecar = { name: 'sidecar', image: 'steward.test/probe:1' };
    const containers = { spec: { template: { spec: { containers: [sidecar] } } } };
    await looked(where, () => patch(where, `deployment/${where.name}`, containers, 'strategic'));
    const names = fieldAt(await live(where, 'Deployment'), ['spec', 'template', 'spec', 'containers']);
    expect(names).toHaveLength(2);
    expect(events(where)).toEqual([]);
  });

  it('is the count of what an autoscaler scales, also over an upgrade; a job that is gone; an empty volume', async () => {
    const scaled = await fixture.publish({ chart: 'scaled' });
    const where = await fixture.installed(scaled);
    const replicas = async (): Promise<unknown> => fieldAt(await live(where, 'Deployment'), ['spec', 'replicas']);
    await waitUntil(async () => (await replicas()) === 2, { what: 'the autoscaler to scale it', timeoutMs: 60_000 });
    await looked(where, () => kubectl(where, 'label', 'deployment', where.name, 'their=label'));
    expect(await replicas()).toBe(2);
    await upgraded(where, scaled, { text: 'next' });
    expect(await live(where, 'Deployment')).toMatchObject({
      metadata: { annotations: { text: 'next' } },
      spec: { replicas: 2 },
    });
    await looked(where, () => kubectl(where, 'delete', 'job', `${where.name}-once`));
    await kubectl(where, 'delete', 'pvc', where.name);
    const { entries } = await said(where, 'refused');
    expect(entries).toMatchObject([{ object: `PersistentVolumeClaim/${where.name}` }]);
    expect(entries[0]?.message).toContain('an empty volume would take the place of the data');
    expect(await live(where, 'Job', `${where.name}-once`)).toBeUndefined();
    expect(await live(where, 'PersistentVolumeClaim')).toBeUndefined();
    expect(await replicas()).toBe(2);
  });

  it('are fields that the release declares, also over an upgrade, once somebody has set them', async () => {
    const ignore = [{ kind: 'ConfigMap', name: '${installation}', fields: ['data.text'] }];
    const open = await fixture.publish({ chart: 'web', version: '1.0.2', change: (one) => (one.drift = { ignore }) });
    const where = await fixture.installed(open);
    await upgraded(where, open, { text: 'still ours' });
    expect(await text(where)).toBe('still ours');
    await looked(where, () => edit(where, 'theirs'));
    expect(await text(where)).toBe('theirs');
    const upgrade = fixture.offer({
      ...where,
      generation: 3,
      release: open,
      kind: 'upgrade',
      parameters: { text: 'next' },
    });
    expect(await fixture.hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(await text(where)).toBe('theirs');
    expect(events(where)).toEqual([]);
  });
});

describe.concurrent('one actuation at a time', () => {
  /** Long enough for a repair: another one is made meanwhile. */
  async function meanwhile(): Promise<void> {
    const other = await fixture.installed(web);
    await edit(other, 'other');
    await said(other, 'repaired');
  }

  it('nothing is put right while an operation rolls out', async () => {
    const hasty = await fixture.publish({
      chart: 'web',
      version: '1.0.3',
      change: (release) => (release.upgrade = { deadlineSeconds: 40, settleSeconds: 0 }),
    });
    const where = await fixture.installed(hasty);
    const parameters = { fault: 'unready' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: hasty, kind: 'upgrade', parameters });
    await fixture.hub.reach(upgrade, { phase: 'roll-out' });
    await edit(where, 'other');
    await meanwhile();
    expect(await text(where)).toBe('other');
    expect(await fixture.hub.end(upgrade)).toMatchObject({ state: 'rolled-back' });
    expect(await text(where)).toBe('hello');
    expect(events(where)).toEqual([]);
    await edit(where, 'other');
    await said(where, 'repaired');
  });

  it('nor while one waits for an approval, but as soon as that is over', async () => {
    const where = await fixture.installed(web);
    await fixture.policy({ rules: { upgrade: 'ask' }, installations: [where.name] }, where.name);
    const parameters = { text: 'next' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: web, kind: 'upgrade', parameters });
    await fixture.hub.reach(upgrade, { state: 'awaiting-approval' });
    await edit(where, 'other');
    await meanwhile();
    expect(await text(where)).toBe('other');
    fixture.hub.cancel(upgrade);
    await said(where, 'repaired');
    expect(await text(where)).toBe('hello');
  });

  it('nothing is made again after a removal', async () => {
    const where = await fixture.installed(web);
    const want = { ...where, generation: 2, release: web, kind: 'uninstall' } as const;
    const end = await looked(where, () => fixture.hub.end(fixture.offer(want)));
    expect(end).toMatchObject({ state: 'succeeded' });
    expect(await live(where, 'Deployment')).toBeUndefined();
    expect(await live(where, 'ConfigMap')).toBeUndefined();
  });
});

describe('drift that cannot be seen for want of rights', () => {
  it('is one word, with what to do, until they are back', async () => {
    const where = await fixture.installed(web);
    await kubectl(where, 'delete', 'rolebindings', '--all');
    await edit(where, 'other');
    const { entries } = await said(where, 'refused');
    expect(entries).toMatchObject([
      {
        object: `Namespace/${where.namespace}`,
        message: expect.stringContaining(`lacks rights in namespace ${where.namespace}`),
      },
    ]);
    await fixture.grant(where.name, web);
    await said(where, 'repaired');
    expect(await text(where)).toBe('hello');
    expect((await drift(where))?.entries).toMatchObject([{ object: `ConfigMap/${where.name}` }]);
  });
});

describe('a namespace that somebody wiped', () => {
  it('is told, and whole again by the grant alone, with the password that was made first', async () => {
    const password = await fixture.publish({ chart: 'password' });
    const where = await fixture.installed(password);
    const secret = `${where.name}-auth`;
    const first = await live(where, 'Secret', secret);
    await fixture.kubectl('delete', 'namespace', where.namespace);
    await said(where, 'refused');
    await fixture.grant(where.name, password);
    const again = await waitUntil(() => live(where, 'Secret', secret), { what: 'it to be there', timeoutMs: 30_000 });
    expect(again['data']).toEqual(first?.['data']);
    await said(where, 'repaired');
  });
});

describe('an agent that is killed', { tags: ['one-try'] }, () => {
  it.each(['before', 'after'] as const)('%s it puts something right does it once, and says so', async (when) => {
    await agent.stop();
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const mortal = await fixture.start({ write: 2, of: `ConfigMap/${where.name}`, when });
    const install = fixture.offer({ ...where, generation: 1, release: web, kind: 'install' });
    expect(await fixture.hub.end(install)).toMatchObject({ state: 'succeeded' });
    await edit(where, 'other');
    await mortal.client.died;
    expect(await drift(where)).toMatchObject({ state: 'repairing' });
    agent = await fixture.start();
    const { entries } = await said(where, 'repaired');
    expect(entries).toMatchObject([{ contests: [{ at: [expect.any(String)] }] }]);
    expect(await text(where)).toBe('hello');
    expect(agent.client.writes.filter((write) => write.startsWith('apply'))).toHaveLength(when === 'before' ? 1 : 0);
    await told(where, ['drift.repaired']);
  });

  it('finds what was changed while it was away, and writes nothing where nothing was', async () => {
    const [changed, left] = await Promise.all([fixture.installed(web), fixture.installed(web)]);
    await agent.stop();
    await edit(changed, 'other');
    const version = async (): Promise<unknown> => (await live(left, 'Deployment'))?.metadata.resourceVersion;
    await waitUntil(async () => fieldAt(await live(left, 'Deployment'), ['status', 'readyReplicas']) === 1, {
      what: 'it to be ready',
      timeoutMs: 20_000,
    });
    const before = await version();
    await looked(left, async () => {
      agent = await fixture.start();
    });
    await said(changed, 'repaired');
    expect(await version()).toBe(before);
    expect(agent.client.writes.filter((write) => write.includes(left.name) && write.startsWith('apply'))).toEqual([]);
  });
});
