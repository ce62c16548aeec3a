import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Release } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let store: Published;
let hasty: Published;
let corrected: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  const upgrade: Release['upgrade'] = { deadlineSeconds: 12, settleSeconds: 0 };
  store = await fixture.publish({ chart: 'store' });
  // For what must not get ready only: on a busy machine all else takes longer.
  hasty = await fixture.publish({
    chart: 'store',
    version: '1.1.0',
    change: (release) => (release.upgrade = upgrade),
  });
  corrected = await fixture.publish({ chart: 'store', version: '1.2.0' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

describe.concurrent('a StatefulSet that never gets ready', () => {
  it('does not hold the version up that corrects it', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, hasty);
    const want = { ...where, release: hasty };
    const bad = fixture.offer({ ...want, generation: 1, kind: 'install', parameters: { fault: 'unready' } });
    expect(await hub.end(bad)).toMatchObject({ state: 'failed', reason: 'rollout-deadline' });
    const good = fixture.offer({ ...want, release: corrected, generation: 2, kind: 'upgrade' });
    expect(await hub.end(good)).toMatchObject({ state: 'succeeded' });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', observedGeneration: 2 });
  });

  it('says which right is missing to go back, and goes back when it is there', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, hasty);
    const want = { ...where, release: hasty };
    const install = fixture.offer({ ...want, release: store, generation: 1, kind: 'install' });
    expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
    const bad = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { fault: 'unready' } });
    await hub.reach(bad, { phase: 'roll-out' });
    const less = hasty.release.permissions.filter(({ kind, verbs }) => kind !== 'Pod' || !verbs.includes('delete'));
    await fixture.grant(where.name, { ...hasty, release: { ...hasty.release, permissions: less } });
    const told = await waitUntil(
      () => [...(hub.results.get(bad)?.values() ?? [])].find(({ message }) => message.includes('delete pod')),
      { what: 'it to say what is missing', timeoutMs: 40_000 },
    );
    expect(told.message).toContain('holds its StatefulSet up');
    expect(told.message).toContain(`kubectl --namespace ${where.namespace} delete pod ${where.name}-1`);
    await fixture.grant(where.name, hasty);
    expect(await hub.end(bad)).toMatchObject({ state: 'rolled-back' });
    await waitUntil(() => hub.health[where.installationId]?.health === 'healthy', { what: 'it to be healthy again' });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'rolled-back', observedGeneration: 1 });
  });
});
