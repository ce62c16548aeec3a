import { basename, dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { ReconcileFixture, type Published } from '../agent/reconcile-fixture.ts';
import { attach } from '../cluster/cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

/** Not among the tests of the agent, which run beside each other: they would all be without an API server. */
describe('while the API server is away', () => {
  let fixture: ReconcileFixture;
  let web: Published;

  const killApiServer = async (): Promise<void> => {
    const cluster = await attach(basename(dirname(inject('kubeconfig'))));
    await cluster?.component('kube-apiserver', 'kill');
  };

  beforeAll(async () => {
    fixture = await ReconcileFixture.create(inject('kubeconfig'));
    await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
    web = await fixture.publish({ chart: 'web' });
  });
  afterAll(() => fixture?.close());

  it.each(['accepted', 'running'] as const)('an operation that is %s goes on when it is back', async (state) => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, web);
    const agent = await fixture.start();
    const want = { ...where, release: web };
    expect(await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install' }))).toMatchObject({
      state: 'succeeded',
    });
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { text: 'b' } });
    await hub.reach(upgrade, { state });
    await killApiServer();
    expect(hub.last(upgrade)?.phase).not.toBe('done');
    expect(await hub.end(upgrade, 90_000)).toMatchObject({ state: 'succeeded' });
    await waitUntil(() => hub.agrees() && hub.health[where.installationId]?.health === 'healthy', {
      what: 'it to be healthy',
      timeoutMs: 60_000,
    });
    expect(hub.contradictions).toEqual([]);
    await agent.stop();
  });

  it('a watch goes on by itself and misses nothing', async () => {
    const { admin: kube, namespace } = fixture;
    const maps = await kube.resourceOf('v1', 'ConfigMap');
    if (!maps) throw new Error('no ConfigMap');
    const map = (name: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { watched: 'yes' } },
    });
    const apply = (name: string): Promise<KubeObject> => kube.apply(map(name), { fieldManager: 'one' });
    const events: string[] = [];
    const stop = new AbortController();
    const view = kube.watch({
      ref: maps,
      namespace,
      labelSelector: 'watched=yes',
      project: ({ metadata }) => metadata.name,
      onChange: (event) => events.push(`${event.type} ${event.key.split('/')[1]}`),
      signal: stop.signal,
    });
    await apply('before');
    await waitUntil(() => view.objects.size === 1, { what: 'the first is heard' });
    await killApiServer();
    await waitUntil(() => apply('after'), { what: 'the API server answers', timeoutMs: 60_000, intervalMs: 200 });
    await kube.remove(maps, namespace, 'before');
    await waitUntil(() => view.isCurrent && [...view.objects.keys()].join() === `${namespace}/after`, {
      what: 'the view is as it should be',
      timeoutMs: 30_000,
    });
    expect(events.toSorted()).toEqual(['delete before', 'set after', 'set before']);
    stop.abort();
  });
});
