import { basename, dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
import { attach } from '../cluster/cluster.ts';
import { probeImage } from '../cluster/images.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  const mirrored = await probeImage('1', console.error, 'mirror.test/team');
  const cluster = await attach(basename(dirname(inject('kubeconfig'))));
  await cluster?.importImage(mirrored.archivePath);
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', scale: 'allow' } });
  web = await fixture.publish({ chart: 'web' });
  agent = await fixture.start();
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

async function imageSource(spec: object): Promise<void> {
  const metadata = { name: 'corp', namespace: fixture.namespace };
  await fixture.apply([{ apiVersion: 'steward.dev/v1alpha1', kind: 'ImageSource', metadata, spec }]);
}

describe('a customer’s image source', () => {
  it('counts from the next version on, by the digest that was signed, and goes with the generation', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const want = { ...where, release: web };
    const pods = async (): Promise<unknown> =>
      fieldAt(await fixture.get('Deployment', where.name, where.namespace), ['spec', 'template', 'spec']);
    const signed = { containers: [{ image: `steward.test/probe:1@${fixture.probeDigest}` }] };
    const mirrored = {
      imagePullSecrets: [{ name: 'corp-registry' }],
      containers: [{ image: `mirror.test/team/probe:1@${fixture.probeDigest}` }],
    };

    await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install' }));
    await imageSource({
      mirrors: [{ from: 'steward.test', to: 'mirror.test/team' }],
      pullSecrets: ['corp-registry'],
    });
    const runState = { stopped: false, replicas: { [`Deployment/${where.name}`]: 2 } };
    const scale = fixture.offer({ ...want, generation: 2, kind: 'scale', runState });
    expect(await hub.end(scale)).toMatchObject({ state: 'succeeded' });
    expect(await pods()).toMatchObject(signed);

    const upgrade = { ...want, kind: 'upgrade', runState, parameters: { text: 'b' } } as const;
    expect(await hub.end(fixture.offer({ ...upgrade, generation: 3 }))).toMatchObject({ state: 'succeeded' });
    expect(await pods()).toMatchObject(mirrored);

    // The source is gone again: what runs stays, and so does what a failed version goes back to.
    await imageSource({ mirrors: [], pullSecrets: [] });
    const bad = fixture.offer({ ...upgrade, generation: 4, parameters: { text: 'c', fault: 'crash' } });
    expect(await hub.end(bad)).toMatchObject({ state: 'rolled-back' });
    expect(await pods()).toMatchObject(mirrored);

    await imageSource({ mirrors: [{ from: 'steward.test', to: 'https://mirror.test' }] });
    const refused = fixture.offer({ ...upgrade, generation: 5, parameters: { text: 'd' } });
    expect(await hub.end(refused)).toMatchObject({
      state: 'failed',
      reason: 'image-source-invalid',
      message: expect.stringContaining('ImageSource/corp'),
    });
    const isStored = async (): Promise<boolean> => !!(await fixture.get('Secret', `render-${where.name}-g5`));
    await waitUntil(async () => !(await isStored()), { what: 'the set of what was refused to go' });
    await imageSource({ mirrors: [] });
    const last = fixture.offer({ ...upgrade, generation: 6, parameters: { text: 'd' } });
    expect(await hub.end(last)).toMatchObject({ state: 'succeeded' });
    expect(await pods()).toMatchObject(signed);
    expect(hub.contradictions).toEqual([]);
  });

  it('is waited for while the agent may not read it, and counts when it may again', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(web);
    const spec = { mirrors: [{ from: 'steward.test', to: 'mirror.test/team' }], installations: [where.name] };
    const metadata = { name: where.name, namespace: fixture.namespace };
    await fixture.apply([{ apiVersion: 'steward.dev/v1alpha1', kind: 'ImageSource', metadata, spec }]);
    const rights = JSON.parse(await fixture.kubectl('get', 'roles', '-n', fixture.namespace, '-o', 'json')) as Roles;
    const asGranted = JSON.stringify(rights);
    for (const { rules } of rights.items)
      for (const rule of rules) rule.resources = rule.resources.filter((name) => name !== 'imagesources');
    expect(JSON.stringify(rights)).not.toBe(asGranted);
    await replaceRoles(JSON.stringify(rights));
    const upgrade = fixture.offer({
      ...where,
      generation: 2,
      release: web,
      kind: 'upgrade',
      parameters: { text: 'b' },
    });
    const waiting = await hub.reach(upgrade, { reason: 'missing-rights' });
    expect(waiting.message).toContain('imagesources.steward.dev: get, list, watch');
    await replaceRoles(asGranted);
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const path = ['spec', 'template', 'spec', 'containers', 'probe', 'image'];
    expect(fieldAt(await fixture.get('Deployment', where.name, where.namespace), path)).toMatch(
      /^mirror\.test\/team\//,
    );
  });
});

interface Roles {
  items: { metadata: { name: string }; rules: { resources: string[] }[] }[];
}

async function replaceRoles(roles: string): Promise<void> {
  for (const { metadata, rules } of (JSON.parse(roles) as Roles).items) {
    const patch = JSON.stringify({ rules });
    await fixture.kubectl('patch', 'role', metadata.name, '-n', fixture.namespace, '--type=merge', '-p', patch);
  }
}
