import { describe, expect, it } from 'vitest';
import { STOPPED_ANNOTATION } from '../../collect/objects/workload.ts';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { KubeError } from '../../kube/error.ts';
import { makeToldPlan, type ObjectPlan, type PlanInput } from './make-plan.ts';
import { changesOf } from './told-plan.ts';

const labels = { 'steward.dev/installation': 'shop', 'steward.dev/organization': 'acme' };
const entry = { group: 'apps', version: 'v1', kind: 'StatefulSet', namespace: 'n', name: 'db' };
const made: InventoryEntry = { ...entry, uid: 'before' };

function db(spec: { replicas?: number }, annotations = {}): KubeObject {
  const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: {} }];
  const metadata = { name: 'db', namespace: 'n', uid: 'db', labels, annotations };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: { ...spec, volumeClaimTemplates } };
}
const stopped = db({ replicas: 0 }, { [STOPPED_ANNOTATION]: 'true' });

interface World {
  wanted?: KubeObject;
  live?: KubeObject;
  claims?: string[];
  inventory?: InventoryEntry[];
  claimMakers?: PlanInput['claimMakers'];
}

/** What the plan says of a StatefulSet that is to have two pods unless `wanted`. */
async function volumesIn(world: World): Promise<string[]> {
  const { wanted = db({ replicas: 2 }), live, claims = [], inventory = [], claimMakers = [] } = world;
  const kube = {
    resourceOf: async () => ({ ...entry, plural: 'statefulsets', namespaced: true }),
    get: async () => live,
    apply: async (applied: KubeObject) => applied,
    list: async () => claims.map((name) => ({ metadata: { name, namespace: 'n' } })),
  };
  const plan = await planOf(kube, { objects: [wanted], inventory, claimMakers });
  return plan.objects.flatMap(({ fields }) => fields.filter((field) => field.startsWith('volumes: ')));
}

async function planOf(kube: object, input: Partial<PlanInput>): Promise<ObjectPlan> {
  const plan = await makeToldPlan({
    kube: kube as KubeClient,
    fieldManager: 'steward-acme',
    organization: 'acme',
    installation: 'shop',
    objects: [],
    inventory: [],
    claimMakers: [],
    neverOurs: { autoscaled: new Set(), givenBack: new Set(), declared: [] },
    helmRelease: { releaseName: 'shop', namespace: 'n' },
    isAdopting: false,
    replaceable: new Set(),
    mayAskLess: false,
    signal: AbortSignal.timeout(5_000),
    ...input,
  });
  if (!plan.ok) throw new Error(plan.failure.message);
  return plan.value;
}

describe('a plan that makes pods of a StatefulSet', () => {
  const claimMakers = [{ set: 'db', templates: ['data'] }];
  const all = ['data-db-0', 'data-db-1'];

  it.each<[string, World, string | undefined]>([
    ['that was deleted with its claims', { inventory: [made] }, 'data-db-0, data-db-1'],
    ['that went with the Installation', { claimMakers, claims: ['data-db-0'] }, 'data-db-1'],
    ['whose count was lowered to none', { inventory: [made], live: db({ replicas: 0 }) }, 'data-db-0, data-db-1'],
    [
      'that was stopped, and has no count of its own',
      { wanted: db({}), inventory: [made], live: stopped },
      'data-db-0',
    ],
    ['whose claims are there', { inventory: [made], claimMakers, claims: all }, undefined],
    ['that is new', { claimMakers: [{ set: 'other', templates: ['data'] }] }, undefined],
    [
      'that has more pods than it had',
      { inventory: [made], live: db({ replicas: 1 }), claims: ['data-db-0'] },
      undefined,
    ],
  ])('says which volumes are new and empty of one %s', async (_, world, names) => {
    const said = names === undefined ? [] : [`volumes: new and empty, since these claims are not there: ${names}`];
    expect(await volumesIn(world)).toEqual(said);
  });
});

describe('a plan that deletes what owns claims', () => {
  const live = db({ replicas: 1 });
  const owned = (name: string, ...uids: string[]): KubeObject => {
    const ownerReferences = uids.map((uid) => ({ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid }));
    return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'n', ownerReferences } };
  };
  const kube = {
    resourceOf: async () => ({ ...entry, plural: 'statefulsets', namespaced: true }),
    servedAs: async (one: object) => one,
    get: async () => live,
    missingAccess: async () => [],
    list: async ({ kind }: { kind: string }) =>
      kind === 'StatefulSet' ? [live] : [owned('data-db-0', 'db'), owned('shared', 'db', 'other'), owned('free')],
  };
  const told = { action: 'delete', object: 'PersistentVolumeClaim/data-db-0' };
  const fields = ['by Kubernetes, with StatefulSet/db, which owns it'];

  it.each([
    { of: 'as it was written down', inventory: [{ ...entry, uid: 'db' }] },
    { of: 'before its uid was written down', inventory: [entry] },
  ])('names those that go with it: of a version that has it no more, $of', async ({ inventory }) => {
    const plan = await planOf(kube, { inventory });
    expect(changesOf(plan)).toEqual([
      { action: 'delete', object: 'StatefulSet/db' },
      { ...told, fields },
    ]);
  });

  describe('of a StatefulSet that an operator made for what is deleted', () => {
    const database = { group: 'a.example', version: 'v1', kind: 'Database', namespace: 'n', name: 'main', uid: 'main' };
    const owner = { apiVersion: 'a.example/v1', kind: 'Database', name: 'main', uid: 'main' };
    const madeFor = (...more: (typeof owner)[]): KubeObject => ({
      ...live,
      metadata: { ...live.metadata, ownerReferences: [owner, ...more] },
    });
    const operated = (set: KubeObject): object => ({
      ...kube,
      get: async () => ({ apiVersion: 'a.example/v1', kind: 'Database', metadata: { name: 'main', uid: 'main' } }),
      list: async (one: { kind: string }) => (one.kind === 'StatefulSet' ? [set] : kube.list(one)),
    });
    const deleted = { action: 'delete', object: 'Database/main' };

    it.each([
      { of: 'it goes', kube: operated(madeFor()), changes: [deleted, { ...told, fields }] },
      { of: 'something else owns it too', kube: operated(madeFor({ ...owner, uid: 'x' })), changes: [deleted] },
      {
        of: 'StatefulSets may not be listed',
        kube: { ...operated(madeFor()), missingAccess: async (checks: object[]) => checks },
        changes: [deleted],
      },
    ])('tells of its claims: $of', async ({ kube: world, changes }) => {
      expect(changesOf(await planOf(world, { inventory: [database] }))).toEqual(changes);
    });
  });

  it('names those that go with it: made anew after its pods have ended', async () => {
    const causes = [{ field: 'spec.selector', message: 'field is immutable' }];
    const apply = async (): Promise<never> => {
      throw new KubeError('no', { status: 422, reason: 'Invalid', causes });
    };
    const create = async (one: KubeObject): Promise<KubeObject> => one;
    const wanted = {
      ...live,
      spec: { ...(db({ replicas: 1 })['spec'] as object), selector: { matchLabels: { app: 'other' } } },
    };
    const plan = await planOf({ ...kube, apply, create }, { objects: [wanted], replaceable: new Set(['StatefulSet']) });
    expect(changesOf(plan)).toEqual([expect.objectContaining({ action: 'replace' }), { ...told, fields }]);
  });
});
