// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { chartFolder } from '../charts/pack.ts';
import { helmOf, type Helm } from '../support/helm.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let helm: Helm;
let agent: RunningAgent;
let store: Published;
let both: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  helm = await helmOf(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  store = await fixture.publish({ chart: 'store' });
  // The rights of both versions: those of the first are needed to remove what it made.
  const rights = store.release.permissions;
  const change = ({ permissions }: Published['release']): unknown => permissions.unshift(...rights);
  both = await fixture.publish({ chart: 'web', service: 'store', version: '2.0.0', change });
});
afterAll(async () => {
  await agent?.stop();
  await helm?.close();
  await fixture?.close();
});

/** A database that runs, and a program that crashes and waits for a volume that nobody will make. */
async function addNeighbours(namespace: string): Promise<void> {
  const podOf = (name: string, container: object, more: object = {}): object => ({
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'probe', image: 'steward.test/probe:1', ...container }], ...more },
    },
  });
  const claimed = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } };
  const mount = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'private-files' } }];
  await fixture.apply([
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'private-files', namespace },
      spec: { ...claimed, storageClassName: 'private-class' },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'private-waits', namespace },
      spec: podOf('private-waits', mount, { volumes }),
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'private-crashes', namespace },
      spec: podOf('private-crashes', { args: ['exit', '3'] }),
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'private-db', namespace },
      spec: {
        serviceName: 'private-db',
        ...podOf('private-db', mount),
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claimed }],
      },
    },
  ]);
}

async function othersOf(operationId: string): Promise<unknown> {
  const operation = await fixture.get('Operation', `op-${operationId}`);
  return (operation?.['status'] as { others?: string[] } | undefined)?.others;
}

const NEIGHBOURS = [
  'Deployment/private-crashes',
  'Deployment/private-waits',
  'StatefulSet/private-db',
  'PersistentVolumeClaim/data-private-db-0',
  'PersistentVolumeClaim/private-files',
];

describe('what lives beside an installation in its namespace', () => {
  it('is none of its health, is not told to the vendor, and stays with its volumes', async () => {
    const { hub } = fixture;
    const where = { ...fixture.installation(), releaseName: 'orders' };
    const { namespace, installationId } = where;
    const options = ['--namespace', namespace, '--create-namespace', '--wait', '--timeout', '60s'];
    await helm.run('install', 'orders', chartFolder('store'), '--set', 'replicas=1', ...options);
    await fixture.grant(where.name, store, namespace, 'orders');
    await addNeighbours(namespace);
    const isBound = async (name: string): Promise<boolean> =>
      JSON.stringify(await fixture.get('PersistentVolumeClaim', name, namespace)).includes('"Bound"');
    await waitUntil(() => isBound('data-private-db-0'), { what: "the neighbour's volume", timeoutMs: 60_000 });

    const pod = async (): Promise<unknown> => (await fixture.get('Pod', 'orders-0', namespace))?.metadata.uid;
    const before = await pod();
    expect(before).toBeDefined();

    const want = { ...where, release: store, parameters: { replicas: 1 } };
    const adoption = fixture.offer({ ...want, generation: 1, kind: 'adopt' });
    expect(await hub.end(adoption)).toMatchObject({ state: 'succeeded' });
    expect(await othersOf(adoption)).toEqual(NEIGHBOURS);
    const plan = [...(hub.results.get(adoption)?.values() ?? [])].find((result) => result.plan)?.plan;
    expect(plan?.summary).toContain('other things run in this namespace');
    await waitUntil(() => hub.health[installationId]?.health === 'healthy', { what: 'health', timeoutMs: 30_000 });
    expect(await pod()).toBe(before);
    expect(hub.health[installationId]?.workloads).toEqual([
      { kind: 'StatefulSet', name: 'orders', health: 'healthy', ready: 1, wanted: 1 },
    ]);

    const removal = fixture.offer({ ...want, generation: 2, kind: 'uninstall', deleteVolumes: true });
    const removed = await hub.end(removal);
    expect(removed).toMatchObject({ state: 'succeeded' });
    expect(removed.message).not.toContain('kubectl delete namespace');
    expect(await othersOf(removal)).toEqual(NEIGHBOURS);
    expect(await fixture.get('PersistentVolumeClaim', 'data-orders-0', namespace)).toBeUndefined();
    for (const name of ['private-files', 'data-private-db-0'])
      expect((await fixture.get('PersistentVolumeClaim', name, namespace))?.metadata).toMatchObject({ name });
    for (const name of ['private-files', 'data-private-db-0'])
      expect((await fixture.get('PersistentVolumeClaim', name, namespace))?.metadata.deletionTimestamp).toBeUndefined();
    const told = [
      [...(hub.results.values() ?? [])].map((one) => [...one.values()]),
      hub.health,
      hub.events,
      hub.observed,
    ];
    expect(JSON.stringify(told)).not.toContain('private-');
  });

  it('does not hide that volumes of an earlier version are its own, wherever the agent dies', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(store, { replicas: 1 });
    const claim = `data-${where.name}-0`;
    await fixture.grant(where.name, both);
    const upgrade = fixture.offer({ ...where, release: both, generation: 2, kind: 'upgrade' });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const status = (await fixture.get('Installation', where.name))?.['status'];
    expect(status).toMatchObject({ claimMakers: [{ set: where.name, templates: ['data'] }] });
    await agent.stop();
    const mortal = await fixture.start({ write: 1, of: `Deployment/${where.name}`, when: 'after' });
    const removal = fixture.offer({ ...where, release: both, generation: 3, kind: 'uninstall', deleteVolumes: true });
    await mortal.client.died;
    mortal.kill();
    expect(await fixture.get('PersistentVolumeClaim', claim, where.namespace)).toBeDefined();
    agent = await fixture.start();
    expect(await hub.end(removal)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.get('PersistentVolumeClaim', claim, where.namespace)).toBeUndefined();
  });
});
