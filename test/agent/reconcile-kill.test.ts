// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { DesiredState } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { writesToDieAt } from './deaths.ts';
import type { Death } from './killable-client.ts';
import { ReconcileFixture, type Published } from './reconcile-fixture.ts';
import { desiredState } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let password: Published;
/** Every value that any Secret of an installation ever had. */
const passwords = new Map<string, Set<string>>();
const watching = new AbortController();

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  password = await fixture.publish({ chart: 'password' });
  const ref = await fixture.admin.resourceOf('v1', 'Secret');
  if (!ref) throw new Error('no Secrets');
  const note = ({ metadata, data }: KubeObject): true => {
    const seen = passwords.get(metadata.name) ?? new Set();
    passwords.set(metadata.name, seen.add(JSON.stringify(data)));
    return true;
  };
  fixture.admin.watch({ ref, project: note, onChange: () => {}, signal: watching.signal });
});
afterAll(async () => {
  watching.abort();
  await fixture?.close();
});

/** Runs one operation with an agent that dies at that change of the cluster; then another agent takes over. */
async function dieAndResume(desired: DesiredState, death: Death): Promise<{ hasDied: boolean; writes: string[] }> {
  const { hub } = fixture;
  const mortal = await fixture.start(death);
  hub.offer(desired);
  const id = desired.operation.id;
  const hasDied = await Promise.race([
    mortal.client.died.then(() => true),
    hub.end(id).then(() => new Promise<false>((resolve) => setTimeout(resolve, 100, false))),
  ]);
  mortal.kill();
  const next = await fixture.start();
  // As the hub does at each welcome, until it has seen the end.
  if (!hub.last(id)?.phase.includes('done')) hub.offer(desired);
  const end = await hub.end(id, 20_000).catch((error: unknown) => {
    throw new Error(`killed ${death.when} ${mortal.client.writes.join('; ')}\n${fixture.logged.slice(-20).join('')}`, {
      cause: error,
    });
  });
  expect(end, `${death.when} ${mortal.client.writes.at(-1)}`).toMatchObject({ state: 'succeeded' });
  expect(hub.contradictions).toEqual([]);
  const revisions = [...(hub.results.get(id)?.keys() ?? [])].sort((a, b) => a - b);
  expect(revisions).toEqual(revisions.map((_, index) => index + 1));
  await next.stop();
  return { hasDied, writes: mortal.client.writes };
}

describe.each(['before', 'after'] as const)('an agent killed %s its changes of the cluster', (when) => {
  it('installs and upgrades, each password made once and each operation ended once', async () => {
    let survived = { install: false, upgrade: false };
    for (const write of writesToDieAt(when)) {
      if (survived.install && survived.upgrade) break;
      const where = fixture.installation();
      await fixture.grant(where.name, password);
      const want = { ...where, release: password };
      const install = await dieAndResume(desiredState({ ...want, generation: 1, kind: 'install' }), { write, when });
      const upgrade = desiredState({ ...want, generation: 2, kind: 'upgrade', parameters: { text: 'b' } });
      const upgraded = await dieAndResume(upgrade, { write, when });
      survived = { install: !install.hasDied, upgrade: !upgraded.hasDied };
      expect(passwords.get(`${where.name}-auth`)?.size, `killed at ${write}`).toBe(2);
      const installation = await fixture.get('Installation', where.name);
      expect(installation).toMatchObject({ status: { state: 'running', observedGeneration: 2, generation: 2 } });
    }
    expect(survived).toEqual({ install: true, upgrade: true });
  });

  it('removes', async () => {
    for (const write of writesToDieAt(when)) {
      const where = fixture.installation();
      await fixture.grant(where.name, password);
      const want = { ...where, release: password };
      const first = await fixture.start();
      await fixture.hub.end(fixture.offer({ ...want, generation: 1, kind: 'install' }));
      await first.stop();
      const removal = desiredState({ ...want, generation: 2, kind: 'uninstall' });
      const { hasDied } = await dieAndResume(removal, { write, when });
      expect(await fixture.get('Secret', `${where.name}-auth`, where.namespace)).toBeUndefined();
      expect(await fixture.get('Secret', `render-${where.name}-g1`), `killed at ${write}`).toBeUndefined();
      if (!hasDied) return;
    }
    throw new Error('a removal takes more changes than expected');
  });
});

describe('an agent killed while it waits', () => {
  it.each(['roll-out', 'settle'] as const)('in phase %s goes on from there', async (phase) => {
    const { hub } = fixture;
    const web = await fixture.publish({
      chart: 'web',
      change: (release) => (release.upgrade = { deadlineSeconds: 60, settleSeconds: 1 }),
    });
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const mortal = await fixture.start();
    const operation = fixture.offer({ ...where, generation: 1, release: web, kind: 'install' });
    await hub.reach(operation, { phase });
    mortal.kill();
    const next = await fixture.start();
    expect(await hub.end(operation)).toMatchObject({ state: 'succeeded' });
    expect(next.client.writes.some((write) => write.startsWith('apply Deployment'))).toBe(false);
    await next.stop();
  });

  it('on the way back still goes back, and keeps the deadline it had', async () => {
    const { hub } = fixture;
    const store = await fixture.publish({ chart: 'store' });
    const hasty = await fixture.publish({
      chart: 'store',
      version: '1.1.0',
      change: (release) => (release.upgrade = { deadlineSeconds: 12, settleSeconds: 0 }),
    });
    const where = fixture.installation();
    await fixture.grant(where.name, store);
    const want = { ...where, release: store };
    let agent = await fixture.start();
    expect(
      await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install', parameters: { replicas: 1 } })),
    ).toMatchObject({ state: 'succeeded' });
    const parameters = { replicas: 1, fault: 'unready' };
    const bad = fixture.offer({ ...want, release: hasty, generation: 2, kind: 'upgrade', parameters });
    await hub.reach(bad, { phase: 'roll-out' });
    const deadline = async (): Promise<unknown> => {
      const { status } = ((await fixture.get('Operation', `op-${bad}`)) ?? {}) as { status?: { deadlineAt?: unknown } };
      return status?.deadlineAt;
    };
    const before = await deadline();
    agent.kill();
    agent = await fixture.start();
    await hub.reach(bad, { phase: 'roll-back' });
    expect(before).toEqual(expect.any(String));
    expect(await deadline()).toBe(before);
    agent.kill();
    // It went back, and could not say so: what it needs to go on is still there, though it counts as unneeded already.
    agent = await fixture.start({ write: 1, of: 'rolled-back', when: 'after' });
    await agent.client.died;
    expect(agent.client.writes.at(-1)).toBe(`setStatusFields Installation/${where.name} rolled-back`);
    agent = await fixture.start();
    const end = await hub.end(bad);
    await waitUntil(async () => !(await fixture.get('Secret', `render-${where.name}-g2`)), { what: 'its set to go' });
    expect(end).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'rolled-back', observedGeneration: 1 });
    expect(hub.contradictions).toEqual([]);
    await agent.stop();
  });

  it('and one whose journal another one carries on writes nothing any more', async () => {
    const { hub } = fixture;
    await fixture.policy({ rules: { upgrade: 'ask' } });
    const where = fixture.installation();
    await fixture.grant(where.name, password);
    const paused = await fixture.start();
    const want = { ...where, release: password };
    await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install' }));
    const operation = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { text: 'b' } });
    await hub.reach(operation, { state: 'awaiting-approval' });
    const other = await fixture.start();
    hub.cancel(operation);
    expect(await hub.end(operation)).toMatchObject({ state: 'cancelled' });
    const before = paused.client.writes.length;
    await fixture.policy({ rules: { upgrade: 'allow' } });
    await expect.poll(() => fixture.logged.join(''), { timeout: 10_000 }).toContain('are not carried on');
    const written = paused.client.writes.slice(before);
    expect(written.filter((write) => !write.startsWith('patchStatus Operation/'))).toEqual([]);
    await Promise.all([paused.stop(), other.stop()]);
  });
});
