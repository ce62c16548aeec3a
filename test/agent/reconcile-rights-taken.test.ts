// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Release } from '@steward/shared';
import type { ResultRecord } from '../../agent/src/link/link.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;
let hasty: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  web = await fixture.publish({ chart: 'web' });
  const short = (release: Release): void => void (release.upgrade = { deadlineSeconds: 10, settleSeconds: 0 });
  hasty = await fixture.publish({ chart: 'web', version: '1.1.0', change: short });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

/** An upgrade that cannot come up, from which the customer takes the agent's rights while it rolls out. */
async function withoutRightsUnderWay(): Promise<{ where: Where; upgrade: string; waiting: ResultRecord }> {
  const where = await fixture.installed(web);
  const parameters = { text: 'b', fault: 'unready' };
  const upgrade = fixture.offer({ ...where, generation: 2, release: hasty, kind: 'upgrade', parameters });
  await fixture.hub.reach(upgrade, { phase: 'roll-out' });
  await fixture.kubectl('delete', 'rolebindings', '--all', '-n', where.namespace);
  const waiting = await fixture.hub.reach(upgrade, { phase: 'roll-back', reason: 'missing-rights' }, 60_000);
  return { where, upgrade, waiting };
}

describe('rights that the customer takes away while an upgrade goes wrong', () => {
  it('are waited for on the way back, each named with the line to apply, also by another life of the agent', async () => {
    const { hub } = fixture;
    const { where, upgrade, waiting } = await withoutRightsUnderWay();
    expect(waiting.state).toBe('running');
    expect(waiting.message).toContain(`Generation 1 cannot be put back yet`);
    expect(waiting.message).toMatch(/\n {2}deployments\.apps: get, list, watch, create, patch, delete\n/);
    expect(waiting.message).toContain(`steward installation grant ${where.name}`);
    expect(await fixture.get('Operation', `op-${upgrade}`)).toMatchObject({
      status: { state: 'running', phase: 'roll-back', message: waiting.message },
    });
    agent.kill();
    agent = await fixture.start();
    expect(hub.last(upgrade)).toMatchObject({ state: 'running', phase: 'roll-back' });
    await fixture.grant(where.name, web);
    expect(await hub.end(upgrade)).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'rolled-back', version: '1.0.0' });
    await waitUntil(() => hub.health[where.installationId]?.health === 'healthy', { what: 'it to be healthy again' });
    expect(hub.contradictions).toEqual([]);
  });
});

describe('a way back that waits for rights', () => {
  it('is ended by whoever says hold, with what is missing, and the next push is carried out', async () => {
    const { hub } = fixture;
    const { where, upgrade } = await withoutRightsUnderWay();
    hub.cancel(upgrade, 'hold');
    const end = await hub.end(upgrade, 15_000);
    expect(end).toMatchObject({ state: 'failed', reason: 'way-back-failed' });
    expect(end.message).toContain('Going back to generation 1 (1.0.0) failed, so it is not certain what runs');
    expect(end.message).toContain('cancelled by support@vendor.example');
    expect(end.message).toContain('deployments.apps: get');
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'failed' });
    await fixture.grant(where.name, web);
    const next = fixture.offer({ ...where, generation: 3, release: web, kind: 'upgrade', parameters: { text: 'c' } });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
  });
});

describe.concurrent('rights that the customer has taken away before an end', () => {
  it.each(['uninstall', 'leave'] as const)('are waited for before %s writes anything', async (kind) => {
    const { hub } = fixture;
    const where = await fixture.installed(web);
    await fixture.kubectl('delete', 'rolebindings', '--all', '-n', where.namespace);
    const end = fixture.offer({ ...where, generation: 2, release: web, kind });
    const waiting = await hub.reach(end, { reason: 'missing-rights' });
    expect(waiting.state).toBe('accepted');
    expect(waiting.message).toContain(`steward installation grant ${where.name}`);
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running' });
    await fixture.grant(where.name, web);
    expect(await hub.end(end)).toMatchObject({ state: 'succeeded' });
  });
});
