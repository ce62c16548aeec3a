import { createServer, type Server } from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt, type InstallationHealth } from '@steward/shared';
import type { ResultRecord } from '../../agent/src/link/link.ts';
import { createTestAuthority } from '../../agent/src/testing/authority.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;
let store: Published;
/** A webhook of the customer's that denies what has the word bad in it, but only when it is meant. */
let webhook: Server;
/** Names of what is for the whole cluster. */
const made: [string, string][] = [];

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow' } });
  agent = await fixture.start();
  web = await fixture.publish({ chart: 'web' });
  store = await fixture.publish({ chart: 'store' });
});
afterAll(async () => {
  for (const [kind, name] of made) await fixture.kubectl('delete', kind, name, '--ignore-not-found');
  await agent?.stop();
  await fixture?.close();
  webhook?.closeAllConnections();
  webhook?.close();
});

function upgrade(where: Where, generation: number, parameters: Record<string, unknown>): Promise<ResultRecord> {
  return fixture.hub.end(fixture.offer({ ...where, release: web, generation, kind: 'upgrade', parameters }), 90_000);
}

const health = (where: Where, wanted: (health: InstallationHealth) => boolean): Promise<InstallationHealth> =>
  fixture.hub.healthOf(where, wanted);

const enforce = ({ namespace }: Where, level: string): Promise<string> =>
  fixture.kubectl('label', 'namespace', namespace, `pod-security.kubernetes.io/enforce=${level}`, '--overwrite');

const onlyIn = ({ namespace }: Where): object => ({ matchLabels: { 'kubernetes.io/metadata.name': namespace } });
const deployments = {
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  operations: ['CREATE', 'UPDATE'],
  resources: ['deployments'],
};
const textOf = async ({ name, namespace }: Where): Promise<unknown> =>
  fieldAt(await fixture.get('ConfigMap', name, namespace), ['data', 'text']);
const podsOf = ({ namespace }: Where): Promise<string> =>
  fixture.kubectl('get', 'pods', '-n', namespace, '-o', 'jsonpath={.items[*].metadata.uid}');

async function policy(where: Where): Promise<void> {
  const name = `no-bad-${where.name}`;
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name } };
  const kind = 'ValidatingAdmissionPolicy';
  const validations = [
    { expression: "!(object.metadata.annotations['text'] in ['bad', 'never'])", message: 'no bad words here' },
  ];
  const matchConstraints = { namespaceSelector: onlyIn(where), resourceRules: [deployments] };
  const binding = { policyName: name, validationActions: ['Deny'] };
  made.push([kind, name], [`${kind}Binding`, name]);
  await fixture.apply([
    { ...api, kind, spec: { matchConstraints, validations } },
    { ...api, kind: `${kind}Binding`, spec: binding },
  ]);
}

interface Review {
  request: { uid: string; dryRun?: boolean; object: { metadata: { annotations?: Record<string, string> } } };
}

async function denyWhenMeant(where: Where): Promise<void> {
  const address = inject('hostAddress');
  const authority = await createTestAuthority({ address });
  webhook = createServer(authority, (asked, answer) => {
    void text(asked).then((body) => {
      const { uid, dryRun, object } = (JSON.parse(body) as Review).request;
      const word = object.metadata.annotations?.['text'];
      const allowed = word !== 'never' && (dryRun === true || word !== 'bad');
      const response = { uid, allowed, ...(!allowed && { status: { message: 'the text is on our list' } }) };
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }));
    });
  });
  await new Promise<void>((resolve) => webhook.listen(0, address, resolve));
  const bound = webhook.address();
  const url = `https://${address}:${typeof bound === 'object' ? bound?.port : ''}/`;
  const name = `words-${where.name}`;
  const rule = { name: 'words.example.com', admissionReviewVersions: ['v1'], sideEffects: 'None' };
  const clientConfig = { url, caBundle: Buffer.from(authority.caPem).toString('base64') };
  const [api, kind] = ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration'];
  const webhooks = [{ ...rule, namespaceSelector: onlyIn(where), rules: [deployments], clientConfig }];
  made.push([kind, name]);
  await fixture.apply([{ apiVersion: api, kind, metadata: { name }, webhooks }]);
}

/** The API server keeps a new rule some moments later: a word that is denied also in a dry run tells when. */
async function untilDenied({ name, namespace }: Where): Promise<void> {
  const touch = ['annotate', 'deployment', name, '-n', namespace, 'text=never', '--overwrite', '--dry-run=server'];
  await waitUntil(
    () =>
      fixture.kubectl(...touch).then(
        () => false,
        () => true,
      ),
    { what: 'the rule to be kept', timeoutMs: 30_000, intervalMs: 200 },
  );
}

describe.concurrent('a rule of the cluster', () => {
  it('Pod Security: a version that breaks it goes back with the reason in words, and one that keeps it runs', async () => {
    const where = await fixture.installed(web);
    const before = await podsOf(where);
    await enforce(where, 'restricted');
    const bad = await upgrade(where, 2, { text: 'b' });
    expect(bad).toMatchObject({ state: 'rolled-back', reason: 'pod-refused' });
    expect(bad.message).toMatch(
      /^Deployment\/\S+: pods "\S+" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false/,
    );
    expect(await podsOf(where)).toBe(before);
    expect(await health(where, (now) => now.health === 'healthy')).toMatchObject({ reasons: [] });
    expect(await upgrade(where, 3, { text: 'c', restricted: true })).toMatchObject({ state: 'succeeded' });
    expect(await podsOf(where)).not.toContain(before);
  });

  it('Pod Security: a pod that cannot be made again is told with the reason, until it may', async () => {
    const where = await fixture.installed(store);
    await enforce(where, 'restricted');
    await fixture.kubectl('delete', 'pod', `${where.name}-1`, '-n', where.namespace);
    const found = await health(where, ({ reasons }) => reasons.some(({ message }) => message.includes('PodSecurity')));
    expect(found).toMatchObject({
      health: 'degraded',
      reasons: [{ code: 'PodsMissing', object: `StatefulSet/${where.name}` }],
    });
    expect(found.reasons[0]?.message).toMatch(
      /^1 of 2 pods are there, and the next one is not made.*violates PodSecurity/,
    );
    await enforce(where, 'privileged');
    expect(await health(where, (now) => now.health === 'healthy')).toMatchObject({ reasons: [] });
  });

  it('a ValidatingAdmissionPolicy is named with its reason before anything is changed, and the next version runs', async () => {
    const where = await fixture.installed(web);
    await policy(where);
    await untilDenied(where);
    const bad = await upgrade(where, 2, { text: 'bad' });
    expect(bad).toMatchObject({ state: 'failed', reason: 'apply-refused' });
    expect(bad.message).toContain(`the cluster's own rules do not allow Deployment/${where.name}`);
    expect(bad.message).toMatch(/ValidatingAdmissionPolicy 'no-bad-\S+' .*denied request: no bad words here/);
    expect(await textOf(where)).toBe('hello');
    expect(await upgrade(where, 3, { text: 'c' })).toMatchObject({ state: 'succeeded' });
  });

  it('a webhook that denies what its dry run let pass is named, what was changed before goes back, and the next version runs', async () => {
    const where = await fixture.installed(web);
    const before = await podsOf(where);
    await denyWhenMeant(where);
    await untilDenied(where);
    const bad = await upgrade(where, 2, { text: 'bad' });
    expect(bad).toMatchObject({ state: 'rolled-back', reason: 'apply-refused' });
    expect(bad.message).toMatch(/admission webhook "words\.example\.com" denied the request: the text is on our list/);
    expect(await textOf(where)).toBe('hello');
    expect(await podsOf(where)).toBe(before);
    expect(await upgrade(where, 3, { text: 'c' })).toMatchObject({ state: 'succeeded' });
  });
});
