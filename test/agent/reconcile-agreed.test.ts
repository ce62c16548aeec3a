// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Release } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import type { Death } from './killable-client.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';
import type { Want } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
/** May replace its Deployment, and runs a Job before an upgrade. */
let hooks: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  const upgrade = { deadlineSeconds: 60, settleSeconds: 0, replace: ['Deployment'] };
  hooks = await fixture.publish({ chart: 'hooks', change: (release: Release) => void (release.upgrade = upgrade) });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

/** Offers it to an agent that dies on the way, and starts another when what happens meanwhile has happened. */
async function meanwhile(want: Want, death: Death, happens: () => Promise<unknown>): Promise<string> {
  await agent.stop();
  const mortal = await fixture.start(death);
  const operation = fixture.offer(want);
  await mortal.client.died;
  await happens();
  agent = await fixture.start();
  return operation;
}

/** Somebody deletes the Deployment and makes another one of its name, as ours, that cannot become what it was in place. */
async function makeAnotherDeployment({ name, namespace }: Where): Promise<string | undefined> {
  const { metadata, spec, ...live } = (await fixture.get('Deployment', name, namespace)) as KubeObject & {
    spec: { selector: object; template: { metadata: object } };
  };
  await fixture.kubectl('delete', 'deployment', name, '--namespace', namespace, '--wait');
  const labels = { app: name, track: 'other' };
  const { apiVersion, kind } = live;
  const other = {
    apiVersion,
    kind,
    metadata: { name, namespace, labels: metadata.labels },
    spec: { ...spec, selector: { matchLabels: labels }, template: { ...spec.template, metadata: { labels } } },
  };
  await fixture.apply([other]);
  return uidOf('Deployment', name, namespace);
}

async function uidOf(kind: string, name: string, namespace: string): Promise<string | undefined> {
  return (await fixture.get(kind, name, namespace))?.metadata.uid;
}

async function text({ name, namespace }: Where): Promise<unknown> {
  return (await fixture.get('ConfigMap', name, namespace))?.['data'];
}

describe('an operation does not delete what its plan did not name', () => {
  it('after its hooks: it ends with nothing changed, and the next push has it in its plan', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const want = { ...where, release: hooks, kind: 'upgrade' as const, parameters: { text: 'b' } };
    let other: string | undefined;
    const death: Death = { of: 'create Job/', write: 1, when: 'after' };
    const operation = await meanwhile({ ...want, generation: 2 }, death, async () => {
      other = await makeAnotherDeployment(where);
    });
    const end = await hub.end(operation);
    expect(end).toMatchObject({ state: 'failed', reason: 'plan-changed' });
    expect(end.message).toContain(`make anew, Deployment/${where.name}`);
    expect(end.message).toMatch(/Job\/\S+-step \(pre-upgrade\) has run, and that is not undone/);
    expect(end.message).toContain('1.0.0 runs on');
    expect(await uidOf('Deployment', where.name, where.namespace)).toBe(other);
    expect(await text(where)).toEqual({ text: 'a' });

    const next = fixture.offer({ ...want, generation: 3 });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
    const plans = [...(hub.results.get(next)?.values() ?? [])].flatMap(({ plan }) => plan?.changes ?? []);
    expect(plans).toContainEqual(expect.objectContaining({ action: 'replace', object: `Deployment/${where.name}` }));
    expect(await uidOf('Deployment', where.name, where.namespace)).not.toBe(other);
  });

  it('after a kill: what it has applied stays, nothing is put back over it, and the next push goes on', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const want = { ...where, release: hooks, kind: 'upgrade' as const, parameters: { text: 'b' } };
    let other: string | undefined;
    // The first one is a hook's.
    const death: Death = { of: 'apply ConfigMap/', write: 2, when: 'after' };
    const operation = await meanwhile({ ...want, generation: 2 }, death, async () => {
      other = await makeAnotherDeployment(where);
    });
    const end = await hub.end(operation);
    expect(end).toMatchObject({ state: 'failed', reason: 'plan-changed' });
    expect(end.message).toContain('What was applied before stays');
    expect(await uidOf('Deployment', where.name, where.namespace)).toBe(other);
    expect(await text(where)).toEqual({ text: 'b' });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'failed', observedGeneration: 1 });
    expect(await hub.end(fixture.offer({ ...want, generation: 3 }))).toMatchObject({ state: 'succeeded' });
  });

  it('nor data that came after an uninstall with its volumes was agreed to', async () => {
    const { hub } = fixture;
    const store = await fixture.publish({ chart: 'store' });
    const where = await fixture.installed(store, { replicas: 1 });
    const { namespace } = where;
    // As one that its StatefulSet makes: anything else would be a neighbour's.
    const later = `data-${where.name}-9`;
    const want = { ...where, generation: 2, release: store, kind: 'uninstall' as const, deleteVolumes: true };
    const operation = await meanwhile(want, { of: 'remove StatefulSet', write: 1, when: 'before' }, async () => {
      const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } };
      const metadata = { name: later, namespace };
      await fixture.apply([{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec }]);
    });
    const end = await hub.end(operation);
    expect(end).toMatchObject({ state: 'succeeded' });
    expect(end.message).toContain(`kubectl --namespace ${namespace} delete persistentvolumeclaim ${later}\n`);
    const claim = await fixture.get('PersistentVolumeClaim', later, namespace);
    expect(claim).toBeDefined();
    expect(claim?.metadata.deletionTimestamp).toBeUndefined();
    expect(await fixture.get('PersistentVolumeClaim', `data-${where.name}-0`, namespace)).toBeUndefined();
  });
});
