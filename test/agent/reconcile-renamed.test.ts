// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import type { Death } from './killable-client.ts';
import { ReconcileFixture, type Published, type Where } from './reconcile-fixture.ts';
import { desiredState } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let release: Published;
/** `deploy-b ready`, `deploy-a gone`, `map-a gone`: what was seen of each namespace, in order. */
const seen = new Map<string, string[]>();
const watching = new AbortController();

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow' } });
  release = await fixture.publish({ chart: 'renamed' });
  await Promise.all([watch('apps/v1', 'Deployment'), watch('v1', 'ConfigMap')]);
});
afterAll(async () => {
  watching.abort();
  await fixture?.close();
});

async function watch(apiVersion: string, kind: string): Promise<void> {
  const ref = await fixture.admin.resourceOf(apiVersion, kind);
  if (!ref) throw new Error(`no ${kind}`);
  const note = (key: string, what: string): void => {
    const [namespace = '', name = ''] = key.split('/');
    const words = `${kind}-${name.split('-').at(-1)} ${what}`;
    const before = seen.get(namespace) ?? [];
    if (!before.includes(words)) seen.set(namespace, [...before, words]);
  };
  const project = (object: KubeObject): { isReady: boolean } => ({
    isReady: Number(fieldAt(object, ['status', 'readyReplicas']) ?? 0) > 0,
  });
  const { signal } = watching;
  const view = fixture.admin.watch({
    ref,
    project,
    onChange: (event) => {
      if (event.type === 'delete') note(event.key, 'gone');
      else if (event.object.isReady) note(event.key, 'ready');
    },
    signal,
  });
  await view.synced;
}

async function names({ namespace }: Where): Promise<string> {
  const label = 'steward.dev/installation';
  return (await fixture.kubectl('get', 'deploy,cm', '-n', namespace, '-l', label, '-o', 'name')).trim();
}

describe('what a version names otherwise', () => {
  it('goes when the new one is ready, and not at all when that does not get ready', async () => {
    const { hub } = fixture;
    const agent = await fixture.start();
    const where = await fixture.installed(release);
    const { name, namespace } = where;
    const want = { ...where, release, kind: 'upgrade' as const };
    const renamed = fixture.offer({ ...want, generation: 2, parameters: { suffix: 'b' } });
    expect(await hub.end(renamed)).toMatchObject({ state: 'succeeded' });
    await expect.poll(() => seen.get(namespace)).toContain('Deployment-a gone');
    const order = seen.get(namespace) ?? [];
    for (const gone of ['Deployment-a gone', 'ConfigMap-a gone'])
      expect(order.indexOf('Deployment-b ready'), order.join()).toBeLessThan(order.indexOf(gone));
    expect(await names(where)).toBe(`deployment.apps/${name}-b\nconfigmap/${name}-b`);
    const before = await fixture.get('Deployment', `${name}-b`, namespace);

    const upgrade = { deadlineSeconds: 10, settleSeconds: 0 };
    const change = (signed: Published['release']): void => void (signed.upgrade = upgrade);
    const hasty = await fixture.publish({ chart: 'renamed', version: '1.1.0', change });
    const parameters = { suffix: 'c', fault: 'unready' };
    const bad = fixture.offer({ ...want, release: hasty, generation: 3, parameters });
    expect(await hub.end(bad)).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    const after = await fixture.get('Deployment', `${name}-b`, namespace);
    expect([after?.metadata.uid, after?.metadata.generation]).toEqual([
      before?.metadata.uid,
      before?.metadata.generation,
    ]);
    expect(seen.get(namespace)).not.toContain('Deployment-b gone');
    expect(await names(where)).toBe(`deployment.apps/${name}-b\nconfigmap/${name}-b`);
    await agent.stop();
  });

  it('goes before, where it does not bear another one beside it', async () => {
    const { hub } = fixture;
    const agent = await fixture.start();
    const where = await fixture.installed(release, { strategy: 'Recreate' });
    const parameters = { strategy: 'Recreate', suffix: 'b' };
    const renamed = fixture.offer({ ...where, release, kind: 'upgrade', generation: 2, parameters });
    expect(await hub.end(renamed)).toMatchObject({ state: 'succeeded' });
    const order = seen.get(where.namespace) ?? [];
    expect(order.indexOf('Deployment-a gone'), order.join()).toBeLessThan(order.indexOf('Deployment-b ready'));
    await agent.stop();
  });

  const deaths: Death[] = [
    { of: 'remove Deployment', write: 1, when: 'before' },
    { of: 'remove Deployment', write: 1, when: 'after' },
    { of: 'remove ConfigMap', write: 1, when: 'after' },
  ];
  it.each(deaths)('goes also when the agent is killed $when it says $of', async (death) => {
    const { hub } = fixture;
    const first = await fixture.start();
    const where = await fixture.installed(release);
    await first.stop();
    const mortal = await fixture.start(death);
    const parameters = { suffix: 'b' };
    const desired = desiredState({ ...where, release, kind: 'upgrade', generation: 2, parameters });
    hub.offer(desired);
    await mortal.client.died;
    const next = await fixture.start();
    expect(await hub.end(desired.operation.id)).toMatchObject({ state: 'succeeded' });
    expect(await names(where)).toBe(`deployment.apps/${where.name}-b\nconfigmap/${where.name}-b`);
    const status = (await fixture.get('Installation', where.name))?.['status'];
    expect(JSON.stringify(fieldAt(status, ['inventory']))).not.toContain(`${where.name}-a`);
    await next.stop();
  });
});
