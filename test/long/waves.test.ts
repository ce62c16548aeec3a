import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { ReconcileFixture, type Published, type RunningAgent } from '../agent/reconcile-fixture.ts';
import { waitUntil } from '../support/wait-until.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let waves: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow' } });
  agent = await fixture.start();
  waves = await fixture.publish({ chart: 'waves' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

/** Pods of the first wave start when it is there. */
async function openGate(namespace: string): Promise<void> {
  await fixture.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${namespace}-gate`, namespace } }]);
}

it('waves do not hold each other up on the way back', async () => {
  const { hub } = fixture;
  const where = fixture.installation();
  await fixture.grant(where.name, waves);
  await openGate(where.name);
  const want = { ...where, release: waves };
  expect(await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install' }))).toMatchObject({
    state: 'succeeded',
  });
  const parameters = { text: 'b', fault: 'second' };
  const bad = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters });
  await hub.reach(bad, { phase: 'roll-out' });
  await fixture.kubectl('delete', 'configmap', `${where.name}-gate`, '-n', where.name);
  const text = (): Promise<string> =>
    fixture.kubectl('get', 'deployment', `${where.name}-second`, '-n', where.name, '-o', 'jsonpath={..env[0].value}');
  await waitUntil(async () => (await text()) === 'hello', { what: 'the second to be put back', timeoutMs: 30_000 });
  await openGate(where.name);
  expect(await hub.end(bad)).toMatchObject({ state: 'rolled-back' });
});
