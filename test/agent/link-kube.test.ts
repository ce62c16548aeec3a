import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeClient, KubeObject, ResourceRef, Watch } from '../../agent/src/kube/client.ts';
import { kubeconfigEndpoint } from '../../agent/src/kube/transport/credentials.ts';
import { createKubeClient } from '../../agent/src/kube/kube-api.ts';
import { waitUntil } from '../support/wait-until.ts';

const kubeconfig = inject('kubeconfig');
const namespace = `kube-${Date.now().toString(36)}`;
let kube: KubeClient;
let maps: ResourceRef;
let stop = new AbortController();

const map = (name: string, data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});
const apply = (object: KubeObject, fieldManager = 'one', force = false): Promise<KubeObject> =>
  kube.apply(object, { fieldManager, force });

beforeAll(async () => {
  kube = createKubeClient(kubeconfigEndpoint(kubeconfig));
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const found = await kube.resourceOf('v1', 'ConfigMap');
  if (!found) throw new Error('no ConfigMap');
  maps = found;
});
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});
afterAll(async () => {
  const namespaces = await kube.resourceOf('v1', 'Namespace');
  if (namespaces) await kube.remove(namespaces, undefined, namespace);
  kube.close();
});

function watch(events: string[], labelSelector = 'watched=yes'): Watch<string> {
  return kube.watch({
    ref: maps,
    namespace,
    labelSelector,
    project: (object) => JSON.stringify(object['data'] ?? {}),
    onChange: (event) => events.push(`${event.type} ${event.key.split('/')[1]}`),
    signal: stop.signal,
  });
}
const watched = (name: string, data: Record<string, string> = {}): KubeObject => {
  const object = map(name, data);
  return { ...object, metadata: { ...object.metadata, labels: { watched: 'yes' } } };
};

describe('the Kubernetes client on a real API server', () => {
  it('applies: the same again changes nothing, another manager’s field is a conflict unless forced', async () => {
    const first = await apply(map('a', { x: '1' }));
    expect((await apply(map('a', { x: '1' }))).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await expect(apply(map('a', { x: '2' }), 'two')).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
      causes: [{ field: '.data.x', reason: 'FieldManagerConflict' }],
    });
    await expect(apply(map('a', { x: '2' }), 'two', true)).resolves.toMatchObject({ data: { x: '2' } });
  });

  it('changes nothing in a dry run, and says what a real one would say', async () => {
    await kube.apply(map('dry'), { fieldManager: 'one', dryRun: true });
    expect(await kube.get(maps, namespace, 'dry')).toBeUndefined();
    const bad = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'bad', namespace }, spec: {} };
    await expect(kube.apply(bad, { fieldManager: 'one', dryRun: true })).rejects.toMatchObject({ reason: 'Invalid' });
  });

  it('deletes only the object it means', async () => {
    const { metadata } = await apply(map('gone'));
    await expect(kube.remove(maps, namespace, 'gone', { uid: 'another' })).rejects.toMatchObject({
      reason: 'Conflict',
    });
    expect(await kube.remove(maps, namespace, 'gone', { uid: metadata.uid ?? '' })).toBe(true);
    expect(await kube.remove(maps, namespace, 'gone')).toBe(false);
  });

  it('knows what the server has', async () => {
    expect(await kube.version()).toMatch(/^v1\.\d+\.\d+/);
    expect(await kube.apiVersions()).toEqual(expect.arrayContaining(['v1', 'v1/Pod', 'apps/v1', 'apps/v1/Deployment']));
    expect(await kube.resourceOf('apiregistration.k8s.io/v1', 'APIService')).toMatchObject({
      plural: 'apiservices',
      namespaced: false,
    });
    expect(await kube.resourceOf('nothing.example/v1', 'Nothing')).toBeUndefined();
    expect(Math.abs((kube.serverTime()?.getTime() ?? 0) - Date.now())).toBeLessThan(2_500);
  });

  it('hears changes within moments', async () => {
    const events: string[] = [];
    const { synced } = watch(events);
    await synced;
    const startedMs = performance.now();
    await apply(watched('w', { x: '1' }));
    await waitUntil(() => events.length === 1, { what: 'the change is heard', intervalMs: 1 });
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    await apply(watched('w', { x: '2' }));
    await kube.remove(maps, namespace, 'w');
    await waitUntil(() => events.length === 3, { what: 'all is heard' });
    expect(events).toEqual(['set w', 'set w', 'delete w']);
  });
});
