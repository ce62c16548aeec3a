import { createServer, type Server } from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
import type { KubeObject, ResourceRef } from '../../agent/src/kube/client.ts';
import { createTestAuthority } from '../../agent/src/testing/authority.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

const CONFIGURATION: ResourceRef = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
};

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;
let server: Server;
let configuration: string;
const where = { installationId: '', name: '', namespace: '' };

interface Review {
  request: { uid: string; object: KubeObject };
}

/** As a mesh does: a label, a container beside the chart's own, and the moment at which it looked. */
function injected({ request }: Review): object {
  const { object } = request;
  const added = [
    { op: 'add', path: '/metadata/labels/injector.example~1injected', value: 'yes' },
    { op: 'add', path: '/metadata/annotations/injector.example~1at', value: String(Date.now()) },
  ];
  const containers = fieldAt(object, ['spec', 'template', 'spec', 'containers']) as { name: string; image: string }[];
  const isThere = containers.some(({ name }) => name === 'sidecar');
  const value = { name: 'sidecar', image: containers[0]?.image, env: [{ name: 'PORT', value: '8081' }] };
  const patch = [
    ...added,
    ...(isThere ? [] : [{ op: 'add', path: '/spec/template/spec/containers/-', value }]),
    { op: 'add', path: '/spec/template/metadata/annotations', value: { 'injector.example/injected': 'yes' } },
  ];
  const patched = Buffer.from(JSON.stringify(patch)).toString('base64');
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: request.uid, allowed: true, patchType: 'JSONPatch', patch: patched },
  };
}

beforeAll(async () => {
  const kubeconfig = inject('kubeconfig');
  fixture = await ReconcileFixture.create(kubeconfig);
  await fixture.policy({ rules: { upgrade: 'allow' } });
  Object.assign(where, fixture.installation());
  const address = inject('hostAddress');
  const authority = await createTestAuthority({ address });
  server = createServer(authority, (request, response) => {
    void text(request).then((body) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(injected(JSON.parse(body) as Review)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const bound = server.address();
  const port = typeof bound === 'object' ? bound?.port : undefined;
  configuration = `injector-${where.name}`;
  await fixture.apply([
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: CONFIGURATION.kind,
      metadata: { name: configuration },
      webhooks: [
        {
          name: 'injector.example.com',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          failurePolicy: 'Fail',
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': where.name } },
          rules: [
            { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] },
          ],
          clientConfig: {
            url: `https://${address}:${port}/`,
            caBundle: Buffer.from(authority.caPem).toString('base64'),
          },
        },
      ],
    },
  ]);
  agent = await fixture.start(undefined, { slowMs: 2_000 });
  web = await fixture.publish({ chart: 'web' });
});
afterAll(async () => {
  await fixture?.admin.remove(CONFIGURATION, undefined, configuration);
  await agent?.stop();
  await fixture?.close();
  server?.closeAllConnections();
  server?.close();
});

describe('a webhook that mutates what is applied', () => {
  it('is nobody who changed something: no drift, no apply where nothing differs, and what it added stays', async () => {
    const { hub } = fixture;
    await fixture.grant(where.name, web);
    const offer = (generation: number, parameters: Record<string, unknown>): string => {
      const kind = generation === 1 ? 'install' : 'upgrade';
      return fixture.offer({ ...where, release: web, generation, kind, parameters: { replicas: 1, ...parameters } });
    };
    const deployment = async (): Promise<KubeObject | undefined> =>
      fixture.get('Deployment', where.name, where.namespace);
    const containers = async (): Promise<string[]> => {
      const found = fieldAt(await deployment(), ['spec', 'template', 'spec', 'containers']);
      return (found as { name: string }[]).map(({ name }) => name);
    };
    const applied = (): string[] => agent.client.writes.filter((write) => write === `apply Deployment/${where.name}`);
    const looks = (): number =>
      fixture.logged.filter((line) => line.includes('looked for drift') && line.includes(`"${where.name}"`)).length;

    expect(await hub.end(offer(1, {}))).toMatchObject({ state: 'succeeded' });
    expect(await containers()).toEqual(['probe', 'sidecar']);
    expect((await deployment())?.metadata.labels).toMatchObject({ 'injector.example/injected': 'yes' });
    expect(applied()).toHaveLength(1);

    // Somebody touches what is not ours, so the agent looks, with the webhook's hand in the dry run.
    // Twice, since the first may be the look that comes after every operation.
    for (const theirs of ['1', '2']) {
      const before = looks();
      await fixture.kubectl('annotate', 'deployment', where.name, '-n', where.name, `theirs=${theirs}`, '--overwrite');
      await waitUntil(() => looks() > before, { what: 'the agent to look again', timeoutMs: 30_000 });
    }
    expect(applied()).toHaveLength(1);
    expect(hub.events.filter(({ kind }) => kind.startsWith('drift.'))).toEqual([]);

    // What is ours is put right, once.
    await fixture.kubectl('set', 'env', `deployment/${where.name}`, '-n', where.name, '-c', 'probe', 'TEXT=other');
    await waitUntil(() => hub.events.some(({ kind }) => kind === 'drift.repaired'), { what: 'it to be put right' });
    expect(applied()).toHaveLength(2);

    expect(await hub.end(offer(2, { text: 'b' }))).toMatchObject({ state: 'succeeded' });
    expect(await containers()).toEqual(['probe', 'sidecar']);
    expect(applied()).toHaveLength(3);

    // When nobody answers for it any more, that is said before anything is changed.
    server.closeAllConnections();
    server.close();
    const end = await hub.end(offer(3, { text: 'c' }));
    expect(end).toMatchObject({ state: 'failed', reason: 'apply-refused' });
    expect(end.message).toContain('the admission webhook injector.example.com of this cluster does not answer');
    expect(fieldAt(await fixture.get('ConfigMap', where.name, where.name), ['data', 'text'])).toBe('b');
  });
});
