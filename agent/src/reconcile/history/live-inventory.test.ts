import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { INSTALLATION_LABEL, ORGANIZATION_LABEL, type ChartHook } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { FakeApiServer } from '../../testing/fake-api-server.ts';
import type { ReconcileContext } from '../context.ts';
import { hookObject } from '../hooks/hook-object.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { liveInventory } from './live-inventory.ts';

const OPERATION = '22222222-2222-4222-8222-222222222222';
const MARKS = { [INSTALLATION_LABEL]: 'shop', [ORGANIZATION_LABEL]: 'acme' };
const PLACES: Record<string, string> = {
  ConfigMap: '/api/v1/namespaces/shop/configmaps',
  Pod: '/api/v1/namespaces/shop/pods',
  Job: '/apis/batch/v1/namespaces/shop/jobs',
};

let server: FakeApiServer;
let kube: KubeClient;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  kube = server.client();
  vi.spyOn(kube, 'missingAccess').mockResolvedValue([]);
});
afterEach(() => server.stop());

/** As it is in a stored set, with the labels that everything of an installation gets. */
function object(kind: string, name: string): KubeObject {
  const apiVersion = kind === 'Job' ? 'batch/v1' : 'v1';
  return { apiVersion, kind, metadata: { name, namespace: 'shop', labels: MARKS } };
}

function hook(kind: string, name: string): ChartHook {
  return { object: object(kind, name), events: ['pre-upgrade'], weight: 0, deletePolicies: [] };
}

/** As an operation has made it; with other labels, or under another name, where that is told. */
function made(kind: string, name: string, change: { name?: string; labels?: Record<string, string> } = {}): string {
  const { metadata, ...rest } = hookObject(hook(kind, name), 'pre-upgrade', OPERATION);
  const labels = { ...metadata.labels, ...change.labels };
  const as = change.name ?? metadata.name;
  server.put(`${PLACES[kind]}/${as}`, { ...rest, metadata: { ...metadata, name: as, labels } } as KubeObject);
  return as;
}

/** @returns `Kind/name`, with the hook it is of */
async function found(...sets: Partial<ReleaseSet>[]): Promise<string[]> {
  const context = { kube, config: { organization: 'acme' } } as unknown as ReconcileContext;
  const all = sets.map((set): ReleaseSet => ({ meta: {} as ReleaseSet['meta'], objects: [], hooks: [], ...set }));
  const { inventory } = await liveInventory(context, {
    installation: 'shop',
    namespace: 'shop',
    applied: all.slice(0, 1),
    sets: all,
    signal: new AbortController().signal,
  });
  for (const { uid } of inventory) expect(uid).toMatch(/^uid-/);
  return inventory
    .map(({ kind, name, hook: of }) => `${kind}/${name}${of === undefined ? '' : ` of ${of}`}`)
    .toSorted();
}

it('has what hooks made that lives, of all sets, and of the newest its objects', async () => {
  const own = object('ConfigMap', 'web');
  server.put(`${PLACES['ConfigMap']}/web`, own);
  for (const name of ['script', 'older']) made('ConfigMap', name);
  const hooks = [hook('ConfigMap', 'script'), hook('ConfigMap', 'gone')];
  const older = [hook('ConfigMap', 'older'), hook('ConfigMap', 'script')];
  expect(await found({ objects: [own], hooks }, { objects: [object('ConfigMap', 'other')], hooks: older })).toEqual([
    'ConfigMap/older of ConfigMap/older',
    'ConfigMap/script of ConfigMap/script',
    'ConfigMap/web',
  ]);
});

it('has Jobs and Pods of hooks by their labels, also of a set that is gone', async () => {
  const long = 'x'.repeat(62);
  const [job, cut, pod] = [made('Job', 'migrate'), made('Job', long), made('Pod', 'first')];
  expect(await found({})).toEqual([
    `Job/${job} of Job/migrate`,
    `Job/${cut} of Job/${long}`,
    `Pod/${pod} of Pod/first`,
  ]);
  const selectors = server.seen.flatMap(({ query }) => query.get('labelSelector') ?? []);
  const selector = 'steward.dev/installation=shop,steward.dev/organization=acme,steward.dev/operation';
  expect(selectors).toEqual([selector, selector]);
});

it('has nothing that is somebody else’s', async () => {
  made('Job', 'migrate', { labels: { [INSTALLATION_LABEL]: 'other' } });
  made('Job', 'seed', { labels: { [ORGANIZATION_LABEL]: 'other' } });
  made('ConfigMap', 'script', { labels: { [INSTALLATION_LABEL]: 'other' } });
  const job = made('Job', 'step');
  // Copies that somebody made to try it again.
  for (const copy of [`${job}-2`, 'step-again', 'step-feedface0']) made('Job', 'step', { name: copy });
  // Of no hook.
  server.put(`${PLACES['ConfigMap']}/plain`, object('ConfigMap', 'plain'));
  server.put(`${PLACES['Pod']}/plain`, object('Pod', 'plain'));
  const hooks = [hook('ConfigMap', 'script'), hook('ConfigMap', 'plain'), hook('Job', 'step')];
  expect(await found({ hooks })).toEqual([`Job/${job} of Job/step`]);
});

it('has what may be looked at, where Jobs and Pods may not', async () => {
  made('Job', 'migrate');
  made('ConfigMap', 'script');
  vi.spyOn(kube, 'missingAccess').mockImplementation(async (checks) => [...checks]);
  expect(await found({ hooks: [hook('ConfigMap', 'script')] })).toEqual(['ConfigMap/script of ConfigMap/script']);
});
