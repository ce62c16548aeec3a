// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
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

describe.concurrent('one actuation at a time', () => {
  /** Long enough for a repair: another one is made meanwhile. */
  async function meanwhile(): Promise<void> {
    const other = await fixture.installed(web);
    await world.edit(other, 'other');
    await world.said(other, 'repaired');
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
    await world.edit(where, 'other');
    await meanwhile();
    expect(await world.text(where)).toBe('other');
    expect(await fixture.hub.end(upgrade)).toMatchObject({ state: 'rolled-back' });
    expect(await world.text(where)).toBe('hello');
    expect(world.events(where)).toEqual([]);
    await world.edit(where, 'other');
    await world.said(where, 'repaired');
  });

  it('nor while one waits for an approval, but as soon as that is over', async () => {
    const where = await fixture.installed(web);
    await fixture.policy({ rules: { upgrade: 'ask' }, installations: [where.name] }, where.name);
    const parameters = { text: 'next' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: web, kind: 'upgrade', parameters });
    await fixture.hub.reach(upgrade, { state: 'awaiting-approval' });
    await world.edit(where, 'other');
    await meanwhile();
    expect(await world.text(where)).toBe('other');
    fixture.hub.cancel(upgrade);
    await world.said(where, 'repaired');
    expect(await world.text(where)).toBe('hello');
  });

  it('nothing is made again after a removal', async () => {
    const where = await fixture.installed(web);
    const want = { ...where, generation: 2, release: web, kind: 'uninstall' } as const;
    const end = await world.looked(where, () => fixture.hub.end(fixture.offer(want)));
    expect(end).toMatchObject({ state: 'succeeded' });
    expect(await world.live(where, 'Deployment')).toBeUndefined();
    expect(await world.live(where, 'ConfigMap')).toBeUndefined();
  });
});

describe('drift that cannot be seen for want of rights', () => {
  it('is one word, with what to do, until they are back', async () => {
    const where = await fixture.installed(web);
    await world.kubectl(where, 'delete', 'rolebindings', '--all');
    await world.edit(where, 'other');
    const { entries } = await world.said(where, 'refused');
    expect(entries).toMatchObject([
      {
        object: `Namespace/${where.namespace}`,
        message: expect.stringContaining(`lacks rights in namespace ${where.namespace}`),
      },
    ]);
    await fixture.grant(where.name, web);
    await world.said(where, 'repaired');
    expect(await world.text(where)).toBe('hello');
    expect((await world.drift(where))?.entries).toMatchObject([{ object: `ConfigMap/${where.name}` }]);
  });
});

describe('a namespace that somebody wiped', () => {
  it('is told, and whole again by the grant alone, with the password that was made first', async () => {
    const password = await fixture.publish({ chart: 'password' });
    const where = await fixture.installed(password);
    const secret = `${where.name}-auth`;
    const first = await world.live(where, 'Secret', secret);
    await fixture.kubectl('delete', 'namespace', where.namespace);
    await world.said(where, 'refused');
    await fixture.grant(where.name, password);
    const again = await waitUntil(() => world.live(where, 'Secret', secret), {
      what: 'it to be there',
      timeoutMs: 30_000,
    });
    expect(again['data']).toEqual(first?.['data']);
    await world.said(where, 'repaired');
  });
});

describe('an agent that is killed', () => {
  it.each(['before', 'after'] as const)('%s it puts something right does it once, and says so', async (when) => {
    await agent.stop();
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const mortal = await fixture.start({ write: 2, of: `ConfigMap/${where.name}`, when });
    const install = fixture.offer({ ...where, generation: 1, release: web, kind: 'install' });
    expect(await fixture.hub.end(install)).toMatchObject({ state: 'succeeded' });
    await world.edit(where, 'other');
    await mortal.client.died;
    expect(await world.drift(where)).toMatchObject({ state: 'repairing' });
    agent = await fixture.start();
    const { entries } = await world.said(where, 'repaired');
    expect(entries).toMatchObject([{ contests: [{ at: [expect.any(String)] }] }]);
    expect(await world.text(where)).toBe('hello');
    expect(agent.client.writes.filter((write) => write.startsWith('apply'))).toHaveLength(when === 'before' ? 1 : 0);
    await world.told(where, ['drift.repaired']);
  });

  it('finds what was changed while it was away, and writes nothing where nothing was', async () => {
    const [changed, left] = await Promise.all([fixture.installed(web), fixture.installed(web)]);
    await agent.stop();
    await world.edit(changed, 'other');
    const version = async (): Promise<unknown> => (await world.live(left, 'Deployment'))?.metadata.resourceVersion;
    await waitUntil(async () => fieldAt(await world.live(left, 'Deployment'), ['status', 'readyReplicas']) === 1, {
      what: 'it to be ready',
      timeoutMs: 20_000,
    });
    const before = await version();
    await world.looked(left, async () => {
      agent = await fixture.start();
    });
    await world.said(changed, 'repaired');
    expect(await version()).toBe(before);
    expect(agent.client.writes.filter((write) => write.includes(left.name) && write.startsWith('apply'))).toEqual([]);
  });
});
