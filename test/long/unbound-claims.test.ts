import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HealthReason, InstallationHealth } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type RunningAgent, type Where } from '../agent/reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow' } });
  agent = await fixture.start();
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

const health = (where: Where, wanted: (health: InstallationHealth) => boolean): Promise<InstallationHealth> =>
  fixture.hub.healthOf(where, wanted, 90_000);

/** The health when it first has a reason of that code for that object, with the reason. */
async function told(where: Where, code: string, object: string): Promise<[InstallationHealth, HealthReason]> {
  const isIt = (reason: HealthReason): boolean => reason.code === code && reason.object === object;
  const found = await health(where, ({ reasons }) => reasons.some(isIt));
  const reason = found.reasons.find(isIt);
  if (!reason) throw new Error(`${code} is gone`);
  return [found, reason];
}

const isWell = ({ health: state, reasons }: InstallationHealth): boolean => state === 'healthy' && reasons.length === 0;

async function storageClass(name: string, volumeBindingMode: 'Immediate' | 'WaitForFirstConsumer'): Promise<void> {
  const provisioner = 'kubernetes.io/host-path';
  const kind = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' };
  await fixture.apply([{ ...kind, metadata: { name }, provisioner, volumeBindingMode }]);
}

describe.concurrent('a claim that no volume was bound to', () => {
  it('is told with its storage class, until there is one', async () => {
    const release = await fixture.publish({ chart: 'claim' });
    const where = fixture.installation();
    const name = `of-${where.name}`;
    await fixture.grant(where.name, release);
    const parameters = { storageClass: name };
    const operation = fixture.offer({ ...where, generation: 1, release, kind: 'install', parameters });
    const [unbound] = await told(where, 'ClaimUnbound', `PersistentVolumeClaim/${where.name}`);
    expect(unbound.health).toBe('unhealthy');
    const { reasons } = await health(where, (now) =>
      now.reasons.some(({ message }) => message.includes(`storageclass.storage.k8s.io "${name}" not found`)),
    );
    expect(reasons.find(({ code }) => code === 'ClaimUnbound')?.message).toContain(`Check that storage class ${name}`);
    await storageClass(name, 'Immediate');
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'succeeded' });
    await health(where, isWell);
    await fixture.kubectl('delete', 'storageclass', name);
  });

  it('and that waits for its pod is no fault: the pod is told, until a node takes it', async () => {
    const release = await fixture.publish({ chart: 'claim', service: 'waits' });
    const where = fixture.installation();
    const name = `of-${where.name}`;
    await storageClass(name, 'WaitForFirstConsumer');
    await fixture.grant(where.name, release);
    const parameters = { storageClass: name, nodes: { disk: name } };
    const operation = fixture.offer({ ...where, generation: 1, release, kind: 'install', parameters });
    const claim = async () => fixture.get('PersistentVolumeClaim', where.name, where.namespace);
    await waitUntil(async () => (await claim()) !== undefined, { what: 'the claim', timeoutMs: 30_000 });
    const madeMs = Date.parse((await claim())?.metadata.creationTimestamp ?? '');
    // By then a claim that nobody binds would be told.
    await waitUntil(() => Date.now() > madeMs + 36_000, { what: 'its time to be over', timeoutMs: 60_000 });
    const { reasons } = await health(where, (now) => now.reasons.length > 0);
    expect(reasons.map(({ code }) => code)).toEqual(['Unschedulable']);
    expect(reasons[0]?.message).toContain('node affinity');
    await fixture.kubectl('label', 'nodes', '--all', `disk=${name}`, '--overwrite');
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'succeeded' });
    await health(where, isWell);
    await fixture.kubectl('label', 'nodes', '--all', 'disk-');
    await fixture.kubectl('delete', 'storageclass', name);
  });
});
