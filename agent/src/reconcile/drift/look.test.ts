import { describe, expect, it } from 'vitest';
import { PAUSED_ANNOTATION } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import type { DriftEntry } from '../../operations/installation/drift-status.ts';
import type { ObjectPlanInput } from '../plan/plan-object.ts';
import { judge } from './ledger.ts';
import { lookAt, pausedWith, type Looked } from './look.ts';
import { objectKey } from '../plan/inventory.ts';

const pvc = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'n' } };
const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate', namespace: 'n' } };
const labels = { 'steward.dev/installation': 'shop', 'steward.dev/organization': 'acme' };

function look(
  object: KubeObject,
  live: KubeObject | undefined,
  claims: readonly KubeObject[] = [],
): Promise<Looked | undefined> {
  const [group = '', version = ''] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', 'v1'];
  const resourceOf = async (): Promise<object> => ({
    group,
    version,
    kind: object.kind,
    plural: 'x',
    namespaced: true,
  });
  const apply = async (applied: KubeObject): Promise<KubeObject> => applied;
  return lookAt(object, {
    kube: { resourceOf, apply, get: async () => live, list: async () => claims } as unknown as KubeClient,
    fieldManager: 'steward-acme',
    neverOurs: { autoscaled: new Set(), givenBack: new Set(), declared: [] },
    organization: 'acme',
    installation: 'shop',
    ours: new Map(),
    signal: AbortSignal.timeout(5_000),
  } as unknown as ObjectPlanInput);
}

it('what was said of a Job is forgotten when the Job is gone', async () => {
  const said: DriftEntry = {
    key: objectKey(job),
    object: 'Job/migrate',
    state: 'refused',
    message: 'it belongs to somebody else',
    fields: [],
    at: '2026-11-28T12:00:00.000Z',
  };
  const looked = await look(job, undefined);
  const findings = looked ? [looked.finding] : [];
  const leave = { mayRepair: true, why: '', now: new Date('2026-11-28T12:01:00.000Z') };
  expect(judge([said], findings, leave)).toEqual({ entries: [], repairs: [], told: [] });
});

it('a claim is told of while somebody deletes it, and nothing else that is going', async () => {
  const going = { labels, uid: 'u', deletionTimestamp: '2026-11-28T12:00:00Z' };
  const claim = await look(pvc, { ...pvc, metadata: { ...pvc.metadata, ...going } });
  expect(claim?.finding.held).toMatchObject({ state: 'refused', message: expect.stringContaining('is being deleted') });
  expect(await look(job, { ...job, metadata: { ...job.metadata, ...going } })).toBeUndefined();
});

it('a StatefulSet is told of, and not put right, while somebody deletes a claim that it made', async () => {
  const spec = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] };
  const db = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: 'n', labels }, spec };
  const claim = { ...pvc, metadata: { name: 'data-db-0', namespace: 'n', deletionTimestamp: '2026-11-28T12:00:00Z' } };
  const message = expect.stringMatching(/^PersistentVolumeClaim\/data-db-0 is being deleted/);
  for (const live of [db, undefined])
    expect((await look(db, live, [claim]))?.finding).toMatchObject({
      object: 'StatefulSet/db',
      held: { state: 'refused', message },
    });
});

describe('a StatefulSet whose pods are gone with their claims', () => {
  const volumes = [{ metadata: { name: 'data' }, spec: {} }];
  const db = (replicas: number, more = {}): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'n', uid: 'now', labels },
    spec: { replicas, volumeClaimTemplates: volumes, ...more },
  });
  const claim = (name: string, ...owners: { kind: string; uid: string }[]): KubeObject => {
    const ownerReferences = owners.map((owner) => ({ apiVersion: 'v1', name: 'db', ...owner }));
    return { ...pvc, metadata: { name, namespace: 'n', ownerReferences } };
  };
  const owner = (kind: string, uid: string): { kind: string; uid: string } => ({ kind, uid });
  const claims = (count: number): KubeObject[] =>
    Array.from({ length: count }, (_, index) => claim(`data-db-${index}`));
  const repaired = undefined;

  it.each<[string, { set: KubeObject; live?: KubeObject; there: KubeObject[] }, string | undefined]>([
    ['none is left', { set: db(2), there: [] }, 'data-db-0, data-db-1'],
    ['the first is gone', { set: db(3), there: claims(3).slice(1) }, 'data-db-0'],
    ['only some are restored yet', { set: db(3), there: claims(1) }, 'data-db-1, data-db-2'],
    [
      'there were many',
      { set: db(9), there: claims(3) },
      'data-db-3, data-db-4, data-db-5, data-db-6, data-db-7, and more',
    ],
    [
      'they go with the set that owned them',
      { set: db(1), there: [claim('data-db-0', owner('StatefulSet', 'before'))] },
      'data-db-0',
    ],
    [
      'they go with a pod that still ends',
      { set: db(1), live: db(0), there: [claim('data-db-0', owner('Pod', 'db-0'))] },
      'data-db-0',
    ],
    [
      'they are there, and the set that is there owns them',
      { set: db(1), live: db(0), there: [claim('data-db-0', owner('StatefulSet', 'now'))] },
      repaired,
    ],
    ['its pods are counted from 5', { set: db(1, { ordinals: { start: 5 } }), there: claims(5) }, 'data-db-5'],
    ['only its count was lowered', { set: db(2), live: db(0), there: claims(1) }, 'data-db-1'],
    ['all are there', { set: db(2), there: [...claims(2), claim('logs')] }, repaired],
    ['it has no pods', { set: db(0), there: [] }, repaired],
    ['it makes no claims', { set: db(2, { volumeClaimTemplates: [] }), there: [] }, repaired],
    ['its count is as it is', { set: db(2, { paused: true }), live: db(2), there: [] }, repaired],
    ['its count is left to who scales it', { set: db(2, { replicas: undefined }), live: db(4), there: [] }, repaired],
  ])('%s', async (_, { set, live, there }, gone) => {
    const finding = (await look(set, live, there))?.finding;
    expect(finding?.held?.state).toBe(gone === undefined ? undefined : 'refused');
    if (gone === undefined) return;
    expect(finding?.held?.message).toContain(`volume claims of its pods are gone: ${gone}. It is left as it is`);
    expect(finding?.held?.message).toMatch(/or begin with empty ones: steward restart shop$/);
  });

  it.each<[string, () => Promise<Looked | undefined>]>([
    ['it', () => look(db(2), { ...db(0), metadata: { ...db(0).metadata, annotations: { [PAUSED_ANNOTATION]: '' } } })],
    ['its installation', () => look(db(2), db(0))],
    ['its installation, and it is gone', () => look(db(2), undefined)],
  ])('is told as paused, with the claims, where somebody has paused %s', async (_, lookAtIt) => {
    const finding = (await lookAtIt())?.finding;
    const held = finding && pausedWith(finding).held;
    expect(held).toMatchObject({ state: 'paused', message: expect.stringMatching(/paused.*data-db-0, data-db-1$/) });
    expect(held?.message).not.toContain('goes on by itself');
  });
});
