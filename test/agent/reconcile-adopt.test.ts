import { randomUUID } from 'node:crypto';
import { AS_RELEASED, fieldAt, type OperationPlan } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { chartFolder } from '../charts/pack.ts';
import { helmOf, type Helm } from '../support/helm.ts';
import type { Death } from './killable-client.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';
import type { Want } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let helm: Helm;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  helm = await helmOf(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  web = await fixture.publish({ chart: 'web' });
});
afterAll(async () => {
  await agent?.stop();
  await helm?.close();
  await fixture?.close();
});

type Place = Pick<Want, 'installationId' | 'name' | 'namespace'> & { releaseName: string };

/** As a customer ran it before Steward: `helm install` into a namespace of its own; the grant comes later. */
async function helmInstall(published: Published, ...args: string[]): Promise<Place> {
  const where = fixture.installation();
  const releaseName = `old-${where.name}`;
  const { service: chart } = published;
  const options = ['--namespace', where.namespace, '--create-namespace', '--wait', '--timeout', '60s', ...args];
  await helm.run('install', releaseName, chartFolder(chart), ...options);
  await fixture.grant(where.name, published, where.namespace, releaseName);
  return { ...where, releaseName };
}

/** As when the agent's namespace is deleted and its line applied again. */
async function forgetAll(): Promise<void> {
  await agent.stop();
  const everything = ['installations,operations,secrets', '--all', '-n', fixture.namespace];
  await fixture.kubectl('delete', ...everything);
  agent = await fixture.start();
}

interface Trace {
  pods: string[];
  generation: number | undefined;
}

/** What changes when a pod is replaced or restarted, or a workload is touched. */
async function traceOf({ namespace, releaseName }: Place): Promise<Trace> {
  const pod = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
  const pods = await fixture.admin.list(pod, namespace);
  const live = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const deployment = await fixture.get('Deployment', releaseName, namespace);
  return {
    pods: live.map((one) => `${one.metadata.uid} ${restartsOf(one)}`),
    generation: deployment?.metadata.generation,
  };
}

function restartsOf({ status }: KubeObject): string {
  const { containerStatuses = [] } = (status ?? {}) as { containerStatuses?: { restartCount: number }[] };
  return containerStatuses.map(({ restartCount }) => restartCount).join();
}

function imageOf(deployment: KubeObject | undefined): unknown {
  return fieldAt(deployment, ['spec', 'template', 'spec', 'containers', 'probe', 'image']);
}

function planTold(operationId: string): OperationPlan | undefined {
  return [...(fixture.hub.results.get(operationId)?.values() ?? [])].find(({ plan }) => plan)?.plan;
}

/** `update ConfigMap` of each object. */
function planOf(operationId: string): string[] {
  const changes = planTold(operationId)?.changes ?? [];
  return changes.map(({ action, object }) => `${action} ${object.split('/')[0]}`).sort();
}

function managersOf(object: KubeObject | undefined): string[] {
  const entries = (object?.metadata['managedFields'] ?? []) as { manager: string; subresource?: string }[];
  return [...new Set(entries.filter(({ subresource }) => !subresource).map(({ manager }) => manager))];
}

describe('what plain Helm runs', () => {
  it('is taken over as it is, upgraded, left, and gone on with by plain Helm, without a pod touched for whose it is', async () => {
    const { hub } = fixture;
    // As Helm 3 did it: nothing is applied by the server.
    const where = await helmInstall(web, '--server-side=false');
    const { namespace, releaseName } = where;
    const before = await traceOf(where);
    const adopted = await hub.end(fixture.offer({ ...where, generation: 1, release: web, kind: 'adopt' }));
    expect(adopted).toMatchObject({ state: 'succeeded' });
    expect(await traceOf(where)).toEqual(before);
    const deployment = await fixture.get('Deployment', releaseName, namespace);
    expect(managersOf(deployment)).toEqual([`steward-${fixture.organization}`]);
    expect(imageOf(deployment)).toBe('steward.test/probe:1');
    expect(deployment?.metadata.labels).toMatchObject({ 'steward.dev/installation': where.name });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', version: '1.0.0' });

    const parameters = { text: 'b' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: web, kind: 'upgrade', parameters });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const upgraded = await traceOf(where);
    expect(imageOf(await fixture.get('Deployment', releaseName, namespace))).toContain(fixture.probeDigest);
    expect(upgraded.pods).not.toEqual(before.pods);

    const left = await hub.end(fixture.offer({ ...where, generation: 3, release: web, kind: 'leave', parameters }));
    expect(left).toMatchObject({ state: 'succeeded' });
    expect(await traceOf(where)).toEqual(upgraded);
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'removed' });
    const free = await fixture.get('Deployment', releaseName, namespace);
    expect(managersOf(free)).toEqual(['helm']);
    expect(JSON.stringify(free?.metadata)).not.toContain('steward');
    expect(free?.metadata.annotations).toMatchObject({ 'meta.helm.sh/release-name': releaseName });

    const image = `steward.test/probe:1@${fixture.probeDigest}`;
    const values = ['--set', 'text=b', '--set', `image=${image}`, '--namespace', namespace, '--wait'];
    await helm.run('upgrade', '--install', releaseName, chartFolder('web'), ...values);
    expect(await traceOf(where)).toEqual(upgraded);
  });

  it('keeps the passwords that its chart makes up anew at each render', async () => {
    const { hub } = fixture;
    const keys = await fixture.publish({ chart: 'keys' });
    const where = await helmInstall(keys);
    const { namespace, releaseName } = where;
    const secrets = async (): Promise<unknown[]> =>
      Promise.all(
        ['auth', 'tls'].map(
          async (name) => (await fixture.get('Secret', `${releaseName}-${name}`, namespace))?.['data'],
        ),
      );
    const [before, made] = [await traceOf(where), await secrets()];
    // Accepted differences that are none change nothing, which an upgrade would be.
    await fixture.policy({ rules: { upgrade: 'deny' }, installations: [where.name] }, where.name);
    const want = { ...where, release: keys, kind: 'adopt' as const, acceptDifferences: true };
    const adopt = fixture.offer({ ...want, generation: 1 });
    expect(await hub.end(adopt)).toMatchObject({ state: 'succeeded' });
    expect(await traceOf(where)).toEqual(before);
    expect(await secrets()).toEqual(made);
    expect(planTold(adopt)?.summary).toContain(`takes over 3 objects of the Helm release ${releaseName}`);
    expect(planOf(adopt)).toEqual(['keep Deployment', 'keep Secret', 'keep Secret']);
  });

  it('is not changed when it differs: each field is said, and taken over when that is accepted', async () => {
    const { hub } = fixture;
    const where = await helmInstall(web, '--set', 'replicas=2');
    await fixture.kubectl('-n', where.namespace, 'annotate', 'service', where.releaseName, 'by=hand');
    const before = await traceOf(where);
    const want = { ...where, release: web, kind: 'adopt' as const, parameters: { text: 'other' } };
    const refused = await hub.end(fixture.offer({ ...want, generation: 1 }));
    expect(refused).toMatchObject({ state: 'failed', reason: 'differs' });
    expect(refused.message).toContain(`ConfigMap/${where.releaseName}: data.text`);
    expect(refused.message).toContain('spec.replicas: 2 → 1');
    expect(refused.message).toContain('spec.template.spec.containers[probe].env[TEXT].value');
    expect(refused.message).not.toContain('Service/');
    expect(planOf(refused.operationId)).toEqual(['keep Service', 'update ConfigMap', 'update Deployment']);
    expect(await traceOf(where)).toEqual(before);
    expect(managersOf(await fixture.get('Deployment', where.releaseName, where.namespace))).toEqual(['helm']);

    // What the vendor accepts the customer has not: it changes what runs, as an upgrade does.
    await fixture.policy({ rules: { upgrade: 'ask' }, installations: [where.name] }, where.name);
    const accepting = fixture.offer({ ...want, generation: 2, acceptDifferences: true });
    const asked = await hub.reach(accepting, { state: 'awaiting-approval' });
    expect(planOf(accepting)).toEqual(['keep Service', 'update ConfigMap', 'update Deployment']);
    expect(await traceOf(where)).toEqual(before);
    const [approve = ''] = asked.message.match(/kubectl create[^]*?\nEOF/) ?? [];
    await fixture.paste(approve);
    expect(await hub.end(accepting)).toMatchObject({ state: 'succeeded' });
    const map = await fixture.get('ConfigMap', where.releaseName, where.namespace);
    expect(map).toMatchObject({ data: { text: 'other' } });
  });

  it('is told its chart as what runs already', async () => {
    const subcharts = await fixture.publish({ chart: 'subcharts' });
    const where = await helmInstall(subcharts);
    const refused = await fixture.hub.end(
      fixture.offer({ ...where, generation: 1, release: subcharts, kind: 'adopt' }),
    );
    // All that the chart is told of the cluster is as Helm told it.
    expect(refused).toMatchObject({ state: 'failed', reason: 'differs' });
    const fields = 'data.isInstall, data.isUpgrade';
    expect(refused.message.split('\n').slice(1, -1)).toEqual([`  ConfigMap/${where.releaseName}-own: ${fields}`]);
  });

  it('is left alone when another tool owns some of it, or nothing of it is there', async () => {
    const { hub } = fixture;
    const where = await helmInstall(web);
    const { namespace, releaseName } = where;
    await fixture.kubectl('-n', namespace, 'annotate', 'service', releaseName, 'argocd.argoproj.io/tracking-id=x');
    const want = { ...where, release: web, kind: 'adopt' as const };
    const refused = await hub.end(fixture.offer({ ...want, generation: 1, acceptDifferences: true }));
    expect(refused).toMatchObject({ state: 'failed', reason: 'conflict' });
    expect(refused.message).toContain(`Service/${releaseName} is there already and belongs to Argo CD`);

    const elsewhere = fixture.installation();
    await fixture.grant(elsewhere.name, web);
    const nothing = fixture.offer({ ...want, ...elsewhere, generation: 1, acceptDifferences: true });
    expect(await hub.end(nothing)).toMatchObject({ state: 'failed', reason: 'nothing-to-adopt' });
  });

  it('keeps its volumes when what was to be adopted, and was not, is uninstalled', async () => {
    const { hub } = fixture;
    const store = await fixture.publish({ chart: 'store' });
    const where = await helmInstall(store, '--set', 'replicas=1', '--server-side=false');
    const want = { ...where, release: store, parameters: { replicas: 1, text: 'other' } };
    const adopt = fixture.offer({ ...want, generation: 1, kind: 'adopt' });
    const refused = await hub.end(adopt);
    expect(refused).toMatchObject({ state: 'failed', reason: 'differs' });
    const field = 'spec.template.spec.containers[probe].env[TEXT].value';
    expect(refused.message.split('\n').slice(1, -1)).toEqual([`  StatefulSet/${where.releaseName}: ${field}`]);
    const removal = fixture.offer({ ...want, generation: 2, kind: 'uninstall', deleteVolumes: true });
    expect(await hub.end(removal)).toMatchObject({ state: 'succeeded' });
    const claim = await fixture.get('PersistentVolumeClaim', `data-${where.releaseName}-0`, where.namespace);
    expect(claim?.metadata.deletionTimestamp).toBeUndefined();
    expect(claim).toMatchObject({ status: { phase: 'Bound' } });
  });

  it('is taken up again as it is by an agent that was removed with all its records, and told where it differs', async () => {
    const { hub } = fixture;
    const keys = await fixture.publish({ chart: 'keys' });
    const where = fixture.installation();
    await fixture.grant(where.name, keys);
    const spec = { pullSecrets: ['of-the-customer'], installations: [where.name] };
    const source = { name: where.name, namespace: fixture.namespace };
    await fixture.apply([{ apiVersion: 'steward.dev/v1alpha1', kind: 'ImageSource', metadata: source, spec }]);
    const runState = { ...AS_RELEASED, restartToken: randomUUID() };
    const want = { ...where, release: keys, runState };
    const installed = await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install' }));
    expect(installed).toMatchObject({ state: 'succeeded' });
    const place = { ...where, releaseName: where.name };
    const secret = async (): Promise<unknown> =>
      (await fixture.get('Secret', `${where.name}-auth`, where.namespace))?.['data'];
    const [before, made] = [await traceOf(place), await secret()];

    await forgetAll();
    const again = fixture.offer({ ...want, generation: 2, kind: 'adopt', recovers: true });
    expect(await hub.end(again)).toMatchObject({ state: 'succeeded' });
    expect(planTold(again)?.summary).toContain('takes up again what it ran before');
    expect(planOf(again)).toEqual(['keep Deployment', 'keep Secret', 'keep Secret']);
    expect(await traceOf(place)).toEqual(before);
    expect(await secret()).toEqual(made);
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', observedGeneration: 2 });

    await forgetAll();
    const byHand = JSON.stringify({ spec: { progressDeadlineSeconds: 77 } });
    await fixture.kubectl('-n', where.namespace, 'patch', 'deployment', where.name, '--type=merge', '-p', byHand);
    const differs = await hub.end(fixture.offer({ ...want, generation: 3, kind: 'adopt', recovers: true }));
    expect(differs).toMatchObject({ state: 'failed', reason: 'differs' });
    expect(differs.message).toContain('spec.progressDeadlineSeconds: 77 → ');
    const accepted = { ...want, generation: 4, kind: 'adopt', recovers: true, acceptDifferences: true } as const;
    expect(await hub.end(fixture.offer(accepted))).toMatchObject({ state: 'succeeded' });
    expect(await secret()).toEqual(made);
  });

  it(
    'goes there and back as often as one likes, wherever the agent dies on the way',
    { tags: ['one-try'] },
    async () => {
      const { hub } = fixture;
      const where = await helmInstall(web);
      const before = await traceOf(where);
      const legs: readonly [during: 'adopt' | 'leave', death: Death][] = [
        // Before anything of an object, between whose it is and the apply, after the apply; between two objects.
        ['adopt', { of: 'mergePatch Deployment', write: 1, when: 'before' }],
        ['leave', { of: 'mergePatch', write: 2, when: 'before' }],
        ['adopt', { of: 'mergePatch Deployment', write: 1, when: 'after' }],
        // When all of it is given back and only the last word is missing.
        ['leave', { of: ' removed', write: 1, when: 'after' }],
        ['adopt', { of: 'apply Deployment', write: 1, when: 'after' }],
      ];
      let { installationId } = where;
      for (const [during, death] of legs) {
        await agent.stop();
        const mortal = await fixture.start(death);
        const want = { ...where, installationId, release: web, kind: during };
        const operation = fixture.offer({ ...want, generation: during === 'adopt' ? 1 : 2 });
        await mortal.client.died;
        agent = await fixture.start();
        const words = during === 'leave' ? '3 objects run on' : 'done: ';
        const message = expect.stringContaining(words);
        expect(await hub.end(operation), during).toMatchObject({ state: 'succeeded', message });
        expect(await traceOf(where)).toEqual(before);
        const owner = during === 'leave' ? 'helm' : `steward-${fixture.organization}`;
        for (const kind of ['ConfigMap', 'Service', 'Deployment'])
          expect(managersOf(await fixture.get(kind, where.releaseName, where.namespace)), kind).toEqual([owner]);
        if (during === 'leave') installationId = randomUUID();
      }
    },
  );
});
