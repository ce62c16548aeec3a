import { expect, it } from 'vitest';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import type { DriftEntry } from '../../operations/installation/drift-status.ts';
import type { ObjectPlanInput } from '../plan/plan-object.ts';
import { judge } from './ledger.ts';
import { keyOf, lookAt, type Looked } from './look.ts';

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
  return lookAt(object, {
    kube: { resourceOf, get: async () => live, list: async () => claims } as unknown as KubeClient,
    organization: 'acme',
    installation: 'shop',
    ours: new Map(),
    signal: AbortSignal.timeout(5_000),
  } as unknown as ObjectPlanInput);
}

it('what was said of a Job is forgotten when the Job is gone', async () => {
  const said: DriftEntry = {
    key: keyOf(job),
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
