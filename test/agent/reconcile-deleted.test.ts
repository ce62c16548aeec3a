// @module-tag one-try
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { AS_RELEASED, fieldAt, type Release } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;
let hasty: Published;
/** Needs no pods. */
let bare: Published;

const slow = (release: Release): void => void (release.upgrade = { deadlineSeconds: 60, settleSeconds: 4 });
const hurried = (release: Release): void => void (release.upgrade = { deadlineSeconds: 60, settleSeconds: 0 });

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  web = await fixture.publish({ chart: 'web', change: slow });
  const short = (release: Release): void => void (release.upgrade = { deadlineSeconds: 10, settleSeconds: 0 });
  hasty = await fixture.publish({ chart: 'web', version: '1.1.0', change: short });
  bare = await fixture.publish({ chart: 'password' });
  agent = await fixture.start();
});
beforeEach(() => fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } }));
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

type Want = Where & { release: Published };

/** An installation that runs generation 1. */
async function installed(): Promise<Want> {
  return { ...(await fixture.installed(web)), release: web };
}

async function remove(kind: 'operation' | 'installation' | 'secret', name: string): Promise<void> {
  await fixture.kubectl('delete', kind, name, '--namespace', fixture.namespace, '--wait=false');
}

describe.concurrent('an Operation object that somebody deletes', () => {
  it('under way ends it as lost, and the next push is carried out', async () => {
    const { hub } = fixture;
    const want = await installed();
    const parameters = { text: 'b', fault: 'unready' };
    const lost = fixture.offer({ ...want, release: hasty, generation: 2, kind: 'upgrade', parameters });
    await hub.reach(lost, { phase: 'roll-out' });
    await remove('operation', `op-${lost}`);
    expect(await hub.end(lost)).toMatchObject({
      state: 'failed',
      reason: 'lost-track',
      message: expect.stringContaining('somebody deleted its Operation object'),
    });
    expect(await fixture.get('Installation', want.name)).toMatchObject({ status: { state: 'failed' } });
    const next = fixture.offer({ ...want, generation: 3, kind: 'upgrade', parameters: { text: 'c' } });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.get('Secret', `render-${want.name}-g2`)).toBeUndefined();
    expect(hub.contradictions).toEqual([]);
  });

  it('during an uninstall is said of what is left, which is watched again', async () => {
    const { hub } = fixture;
    const want = await installed();
    await hub.healthOf(want, ({ health }) => health === 'healthy');
    const hold = async (kind: string, finalizers: string[]): Promise<void> => {
      const patch = ['--type=merge', '-p', JSON.stringify({ metadata: { finalizers } })];
      await fixture.kubectl('patch', kind, want.name, '--namespace', want.namespace, ...patch);
    };
    for (const kind of ['deployment', 'configmap']) await hold(kind, ['a.example/held']);
    const lost = fixture.offer({ ...want, generation: 2, kind: 'uninstall' });
    const message = `waiting until these are gone: Deployment/${want.name}`;
    await hub.reach(lost, { phase: 'roll-out', message });
    await remove('operation', `op-${lost}`);
    // While it still waits.
    expect(await hub.end(lost)).toMatchObject({ state: 'failed', reason: 'lost-track' });
    await hold('deployment', []);
    await hub.healthOf(want, ({ health }) => health !== 'healthy', 20_000);
    await hold('configmap', []);
  });

  it('when only the last word was missing takes nothing away from what was done', async () => {
    const { hub } = fixture;
    const want = await installed();
    const done = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { text: 'b' } });
    await hub.reach(done, { phase: 'settle' });
    await remove('operation', `op-${done}`);
    expect(await hub.end(done)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.get('Installation', want.name)).toMatchObject({
      status: { state: 'running', observedGeneration: 2 },
    });
  });
});

describe.concurrent('an Installation object that somebody deletes', () => {
  it('during an upgrade is put together again: it ends as an upgrade, and what ran before can be gone back to', async () => {
    const { hub } = fixture;
    const want = await installed();
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { text: 'b' } });
    await hub.reach(upgrade, { phase: 'settle' });
    await remove('installation', want.name);
    expect(await hub.end(upgrade)).toMatchObject({
      state: 'succeeded',
      message: expect.stringContaining('upgrade of'),
    });
    expect(await fixture.get('Installation', want.name)).toMatchObject({
      status: { state: 'running', observedGeneration: 2, history: [{ generation: 2 }, { generation: 1 }] },
    });
    const back = fixture.offer({ ...want, generation: 3, kind: 'rollback', toGeneration: 1 });
    expect(await hub.end(back)).toMatchObject({ state: 'succeeded' });
  });

  it('during a first install is put together from what that has begun, which an uninstall removes', async () => {
    const { hub } = fixture;
    const want = { ...fixture.installation(), release: web };
    await fixture.grant(want.name, web);
    const install = fixture.offer({ ...want, generation: 1, kind: 'install' });
    await hub.reach(install, { phase: 'settle' });
    await remove('installation', want.name);
    expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
    const uninstall = fixture.offer({ ...want, generation: 2, kind: 'uninstall' });
    expect(await hub.end(uninstall)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.get('Deployment', want.name, want.namespace)).toBeUndefined();
  });
});

describe.concurrent('a workload that somebody deletes while it is rolled out', () => {
  it('ends the rollout, and what ran before is put back', async () => {
    const { hub } = fixture;
    const want = await installed();
    const parameters = { text: 'b', fault: 'unready' };
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters });
    await hub.reach(upgrade, { phase: 'roll-out' });
    await waitUntil(
      async () => (await fixture.get('Deployment', want.name, want.namespace))?.metadata['generation'] !== 1,
      { what: 'the new version to be applied' },
    );
    await fixture.kubectl('delete', 'deployment', want.name, '--namespace', want.namespace);
    expect(await hub.end(upgrade, 50_000)).toMatchObject({
      state: 'rolled-back',
      reason: 'objects-gone',
      message: expect.stringContaining(`Deployment/${want.name} is not there any more`),
    });
  });
});

describe('a stored set that somebody deletes', () => {
  it('is said to be gone where it is needed, and the version can be pushed again', async () => {
    const { hub } = fixture;
    const want = await installed();
    await remove('secret', `render-${want.name}-g1`);
    const runState = { ...AS_RELEASED, restartToken: 'a' };
    await fixture.policy({ rules: { upgrade: 'allow', restart: 'allow' } });
    const restart = fixture.offer({ ...want, generation: 2, kind: 'restart', runState });
    expect(await hub.end(restart)).toMatchObject({
      state: 'failed',
      reason: 'not-in-history',
      message: expect.stringMatching(/Secret \S+ is missing. Push 1.0.0 as an upgrade/),
    });
    const again = fixture.offer({ ...want, generation: 3, kind: 'upgrade', runState });
    expect(await hub.end(again)).toMatchObject({ state: 'succeeded' });
  });

  it('is a reason beside the health, with what to do, as soon as somebody changes what it is compared with', async () => {
    const { hub } = fixture;
    const want = await installed();
    const [secret, change] = [`render-${want.name}-g1`, JSON.stringify({ data: { text: 'other' } })];
    await remove('secret', secret);
    await fixture.kubectl('patch', 'configmap', want.name, '-n', want.namespace, '--type=merge', '-p', change);
    const reasons = (): object[] => hub.health[want.installationId]?.reasons ?? [];
    await waitUntil(() => reasons().length > 0, { what: 'a reason beside the health', timeoutMs: 30_000 });
    const message = expect.stringContaining(`Secret ${secret} is missing. Push it again: steward upgrade ${want.name}`);
    expect(reasons()).toMatchObject([{ code: 'RepairRefused', object: `Secret/${secret}`, message }]);
    expect(await fixture.get('Installation', want.name)).toMatchObject({ status: { drift: { state: 'refused' } } });
    const found = hub.events.filter(({ installationId }) => installationId === want.installationId);
    expect(found).toContainEqual(expect.objectContaining({ kind: 'drift.found', message }));

    await fixture.policy({ rules: { upgrade: 'allow' } });
    const again = fixture.offer({ ...want, generation: 2, kind: 'upgrade' });
    expect(await hub.end(again)).toMatchObject({ state: 'succeeded' });
    await waitUntil(() => reasons().length === 0, { what: 'the reason to go', timeoutMs: 30_000 });
    expect(fieldAt(await fixture.get('ConfigMap', want.name, want.namespace), ['data', 'text'])).toBe('hello');
  });

  it('under way lets a restarted agent go back to what ran before', async () => {
    const { hub } = fixture;
    const want = await installed();
    const parameters = { text: 'b', fault: 'unready' };
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters });
    await hub.reach(upgrade, { phase: 'roll-out' });
    agent.kill();
    await remove('secret', `render-${want.name}-g2`);
    agent = await fixture.start();
    expect(await hub.end(upgrade)).toMatchObject({ state: 'rolled-back', reason: 'lost-track' });
  });
});

describe('an Installation object that somebody deletes while the agent is away', () => {
  it('makes no upgrade an install, which asks nobody', async () => {
    const { hub } = fixture;
    const want = await installed();
    await agent.stop();
    await remove('installation', want.name);
    agent = await fixture.start();
    await fixture.policy({ rules: { install: 'allow', upgrade: 'deny' } });
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'install', parameters: { text: 'b' } });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'denied' });
    expect(await fixture.get('Installation', want.name)).toMatchObject({
      status: { state: 'failed', observedGeneration: 1, history: [{ generation: 1 }] },
    });
  });
});

describe('an Installation object that somebody deletes between operations', () => {
  it('is put together again at once', async () => {
    const want = await fixture.installed(bare);
    await remove('installation', want.name);
    const kept = { state: 'failed', observedGeneration: 1, history: [{ generation: 1 }] };
    await waitUntil(() => fixture.hub.observed[want.installationId]?.state === 'failed', { what: 'it to be noticed' });
    expect(await fixture.get('Installation', want.name)).toMatchObject({ status: kept });
  });

  it('knows what hooks made, which goes with it', async () => {
    const { hub } = fixture;
    const release = await fixture.publish({ chart: 'hooks', change: hurried });
    const want = { ...(await fixture.installed(release, { hook: 'post-install' })), release };
    await remove('installation', want.name);
    await waitUntil(() => hub.observed[want.installationId]?.state === 'failed', { what: 'it to be noticed' });
    const { status } = (await fixture.get('Installation', want.name)) as unknown as { status: object };
    const inventory = expect.arrayContaining([
      expect.objectContaining({ hook: `Secret/${want.name}-auth`, uid: expect.any(String) }),
      expect.objectContaining({ hook: `Job/${want.name}-step`, uid: expect.any(String) }),
    ]);
    expect(status).toMatchObject({ inventory });
    await fixture.policy({ rules: { uninstall: 'allow' } });
    const gone = fixture.offer({ ...want, generation: 2, kind: 'uninstall' });
    expect(await hub.end(gone)).toMatchObject({ state: 'succeeded' });
    const left = ['get', 'deployments,jobs,configmaps,secrets', '-o', 'name', '-n', want.namespace];
    expect((await fixture.kubectl(...left)).trim()).toBe('configmap/kube-root-ca.crt');
  });
});

describe('an Installation object that somebody deletes after a rollback', () => {
  it('is put together as what was gone back to, and not as what was gone back from', async () => {
    const { hub } = fixture;
    const want = { ...(await fixture.installed(bare)), release: bare };
    const newer = await fixture.publish({ chart: 'password', version: '1.1.0' });
    const upgrade = fixture.offer({ ...want, release: newer, generation: 2, kind: 'upgrade' });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const rollback = fixture.offer({ ...want, generation: 3, kind: 'rollback', toGeneration: 1 });
    expect(await hub.end(rollback)).toMatchObject({ state: 'succeeded' });
    await remove('installation', want.name);
    await waitUntil(() => hub.observed[want.installationId]?.state === 'failed', { what: 'it to be noticed' });
    const history = [
      { generation: 3, version: '1.0.0' },
      { generation: 2, version: '1.1.0' },
      { generation: 1, version: '1.0.0' },
    ];
    const { status } = (await fixture.get('Installation', want.name)) as unknown as { status: object };
    expect(status).toMatchObject({ observedGeneration: 3, history });
  });
});

describe('the set of a first install that was refused', () => {
  it('is no good generation, though a kill comes before it is removed: the next push installs', async () => {
    const { hub } = fixture;
    const want = { ...fixture.installation(), release: bare, kind: 'install' } as const;
    await fixture.grant(want.name, bare);
    await agent.stop();
    const set = `Secret/render-${want.name}-g1`;
    agent = await fixture.start({ write: 1, of: `remove ${set}`, when: 'before' });
    const runState = { ...AS_RELEASED, replicas: { 'Deployment/none': 2 } };
    const refused = fixture.offer({ ...want, generation: 1, runState });
    expect(await hub.end(refused)).toMatchObject({ state: 'failed', reason: 'unknown-workload' });
    await agent.client.died;
    agent = await fixture.start();
    await fixture.policy({ rules: { install: 'allow', upgrade: 'deny' } });
    const again = fixture.offer({ ...want, generation: 2 });
    expect(await hub.end(again)).toMatchObject({ state: 'succeeded', message: expect.stringContaining('install of') });
    expect(agent.client.writes).toContain(`remove ${set}`);
  });
});

describe('an Operation object that somebody deletes while the agent is away', () => {
  /** The installation is said to be uncertain, and nothing is put right. */
  async function expectForsaken({ name, installationId }: Where): Promise<void> {
    agent = await fixture.start();
    await waitUntil(() => fixture.hub.observed[installationId]?.state === 'failed', { what: 'it to be noticed' });
    const { status } = (await fixture.get('Installation', name)) as unknown as { status: object };
    const message = expect.stringMatching(/^generation 2 was under way, and somebody deleted its Operation object/);
    expect(status).toMatchObject({ state: 'failed', message, history: [{ generation: 1 }] });
    expect(status).not.toHaveProperty('underWay');
    expect(agent.client.writes.filter((write) => write.startsWith('apply '))).toEqual([]);
  }

  it('under way leaves what it applied as it is, and its set does not stay', async () => {
    const want = await fixture.installed(hasty);
    const parameters = { text: 'b', fault: 'unready' };
    const upgrade = fixture.offer({ ...want, release: hasty, generation: 2, kind: 'upgrade', parameters });
    await fixture.hub.reach(upgrade, { phase: 'roll-out' });
    agent.kill();
    await remove('operation', `op-${upgrade}`);
    await expectForsaken(want);
    expect(fieldAt(await fixture.get('ConfigMap', want.name, want.namespace), ['data', 'text'])).toBe('b');
    const isGone = async () => (await fixture.get('Secret', `render-${want.name}-g2`)) === undefined;
    await waitUntil(isGone, { what: 'its set to be gone' });
  });

  it('in its first hook is no less under way, and the hook does not go on', async () => {
    const hooks = await fixture.publish({ chart: 'hooks' });
    const want = { ...(await fixture.installed(hooks)), release: hooks };
    await agent.stop();
    agent = await fixture.start({ write: 1, of: 'create Job/', when: 'after' });
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { end: 'never' } });
    await agent.client.died;
    await remove('operation', `op-${upgrade}`);
    await expectForsaken(want);
    const jobs = ['get', 'jobs', '-l', `steward.dev/operation=${upgrade}`, '-o', 'name', '-n', want.namespace];
    await waitUntil(async () => (await fixture.kubectl(...jobs)).trim() === '', {
      what: 'its Job to be gone',
    });
  });

  it.each([
    ['uninstall', 'remove '],
    ['leave', 'mergePatch '],
  ] as const)('during %s brings nothing back', async (kind, of) => {
    const want = await fixture.installed(bare);
    await fixture.policy({ rules: { uninstall: 'allow' } });
    await agent.stop();
    agent = await fixture.start({ write: 1, of, when: 'after' });
    const end = fixture.offer({ ...want, release: bare, generation: 2, kind });
    await agent.client.died;
    await remove('operation', `op-${end}`);
    await expectForsaken(want);
  });
});

/** As `kubectl edit --subresource=status` does. */
async function forge(operation: string, status: object): Promise<void> {
  const patch = ['patch', 'operation', `op-${operation}`, '--subresource=status', '--type=merge', '-p'];
  await fixture.kubectl(...patch, JSON.stringify({ status }), '-n', fixture.namespace);
}

describe('an Operation whose status somebody edits', () => {
  const ended = { state: 'succeeded', phase: 'done', message: 'all is well', finishedAt: new Date().toISOString() };

  it('to an end while the agent is away goes on from where it was, says so, and ends as it really does', async () => {
    const { hub } = fixture;
    const want = await installed();
    const parameters = { text: 'b', fault: 'unready' };
    const upgrade = fixture.offer({ ...want, release: hasty, generation: 2, kind: 'upgrade', parameters });
    await hub.reach(upgrade, { phase: 'roll-out' });
    agent.kill();
    await forge(upgrade, { ...ended, revision: 900, ackedRevision: 900 });
    agent = await fixture.start();
    const end = await hub.end(upgrade);
    expect(end).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    const said = [...(hub.results.get(upgrade)?.values() ?? [])].map(({ message }) => message);
    const words = `Somebody changed the status of op-${upgrade} to succeeded (done)`;
    expect(said).toContainEqual(expect.stringContaining(words));
    expect(await fixture.get('Operation', `op-${upgrade}`)).toMatchObject({ status: { state: 'rolled-back' } });
    expect(hub.contradictions).toEqual([]);
  });

  it('to an end while the agent works on it is written over by its next word', async () => {
    const { hub } = fixture;
    const want = await installed();
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { text: 'b' } });
    await hub.reach(upgrade, { phase: 'settle' });
    await forge(upgrade, { ...ended, state: 'failed', reason: 'internal' });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const status = fieldAt(await fixture.get('Operation', `op-${upgrade}`), ['status']);
    expect(status).toMatchObject({ state: 'succeeded', message: expect.stringContaining('done: upgrade of') });
    expect(status).not.toHaveProperty('reason');
  });

  it('from its end to running begins nothing again', async () => {
    const { hub } = fixture;
    const want = await installed();
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { text: 'b' } });
    const { revision } = await hub.end(upgrade);
    await agent.stop();
    await forge(upgrade, { state: 'running', phase: 'apply', ackedRevision: 0 });
    agent = await fixture.start();
    const operation = await fixture.get('Operation', `op-${upgrade}`);
    expect(operation).toMatchObject({ status: { state: 'succeeded', phase: 'done', revision } });
    expect(hub.last(upgrade)).toMatchObject({ state: 'succeeded', revision });
    expect(agent.client.writes.filter((write) => write.startsWith('apply '))).toEqual([]);
  });
});
