import { describe, expect, it } from 'vitest';
import { PAUSED_ANNOTATION, type RunState } from '@steward/shared';
import { STOPPED_ANNOTATION } from '../../collect/objects/workload.ts';
import type { KubeObject } from '../../kube/client.ts';
import { KubeError } from '../../kube/error.ts';
import type { InstallationStatus, InventoryEntry } from '../../operations/installation/installation-object.ts';
import type { ScheduleStatus } from '../../operations/installation/schedule-status.ts';
import type { ReconcileContext } from '../context.ts';
import { entryOf, inventoryKey } from '../plan/inventory.ts';
import { takeTurn, type Turn } from './take-turn.ts';

const labels = { 'steward.dev/installation': 'shop', 'steward.dev/organization': 'acme' };
function object(apiVersion: string, kind: string, name: string, spec = {}): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: 'n', uid: name, labels }, spec };
}
const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
const web = object('apps/v1', 'Deployment', 'web', { replicas: 2, template: { spec: { volumes } } });
const nightly = object('batch/v1', 'CronJob', 'nightly');
const data = object('v1', 'PersistentVolumeClaim', 'data');
const claimOf = (name: string): KubeObject => object('v1', 'PersistentVolumeClaim', name);
const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: {} }];
const db = (replicas = 2, more = {}): KubeObject =>
  object('apps/v1', 'StatefulSet', 'db', { replicas, volumeClaimTemplates, ...more });
const others = [object('v1', 'ConfigMap', 'config'), data, object('batch/v1', 'Job', 'migrate')];
const evening = Date.parse('2026-11-23T22:00:00Z');
const runState: RunState = {
  stopped: false,
  replicas: {},
  schedule: { timeZone: 'UTC', stop: [{ days: ['mon'], from: '20:00', to: '06:00' }] },
};

interface World {
  live?: KubeObject[];
  claims?: KubeObject[];
  /** One more object of the set. */
  extra?: KubeObject;
  /** What an earlier turn has left. */
  schedule?: ScheduleStatus | undefined;
  at?: number;
  isPaused?: boolean;
  runs?: Partial<RunState>;
  /** Each read of an object of the set ends with it. */
  fault?: KubeError;
  /** Each change of one, too. */
  refusal?: KubeError;
}

interface Turned {
  turn: Turn;
  applied: KubeObject[];
  status: InstallationStatus;
}

function entry({ apiVersion, kind, ...rest }: KubeObject): InventoryEntry {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const ref = { group, version, kind, plural: '', namespaced: true };
  return entryOf(ref, { apiVersion, kind, ...rest }, rest.metadata.uid);
}

/** A turn of an installation whose window is open, in a cluster where time passes with each look at the clock. */
async function turn({
  live = [web, nightly],
  claims = [],
  extra,
  schedule,
  at = evening,
  isPaused = false,
  runs = {},
  fault,
  refusal,
}: World = {}): Promise<Turned> {
  const applied: KubeObject[] = [];
  const all = [...others, web, nightly, ...(extra ? [extra] : [])];
  const good = { generation: 1, version: '1.0.0', renderRef: 'r', runState: { ...runState, ...runs } };
  let status = {
    state: 'running',
    observedGeneration: 1,
    history: [good],
    inventory: all.map(entry),
    ...(schedule && { schedule }),
  } as unknown as InstallationStatus;
  let nowMs = at;
  const context = {
    now: () => new Date((nowMs += 61_000)),
    config: { namespace: 'agent', organization: 'acme', fieldManager: 'steward-acme' },
    installations: {
      read: async () => structuredClone({ name: 'shop', namespace: 'n', id: 'i', isPaused, status }),
      write: async (_: string, patch: Partial<InstallationStatus>) => void (status = { ...status, ...patch }),
    },
    renders: { load: async () => ({ objects: all, hooks: [], meta: { deadlineSeconds: 600, permissions: [] } }) },
    monitors: { refresh: () => undefined },
    link: { sendEvent: () => undefined },
    log: { info: () => undefined },
    kube: {
      list: async ({ kind }: { kind: string }) => (kind === data.kind ? claims : []),
      resourceOf: async (apiVersion: string, kind: string) => ({
        ...entry({ ...web, apiVersion, kind }),
        namespaced: true,
      }),
      get: async ({ kind }: { kind: string }, _: string, name: string) => {
        if (fault) throw fault;
        return live.find((one) => one.kind === kind && one.metadata.name === name);
      },
      apply: async (one: KubeObject, { dryRun = false }) => {
        if (!dryRun && refusal) throw refusal;
        if (!dryRun) applied.push(one);
        return { ...one, metadata: { ...one.metadata, uid: one.metadata.name } };
      },
    },
  } as unknown as ReconcileContext;
  return { turn: await takeTurn(context, 'shop', AbortSignal.timeout(20_000)), applied, status };
}

describe('a turn of a schedule', () => {
  it('touches only what a stop makes another one: no claim, Job or ConfigMap that somebody deleted is made again', async () => {
    const { turn: end, applied, status } = await turn();
    expect(end).toBe('done');
    expect(applied.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['Deployment', 'CronJob']));
    expect(applied).toHaveLength(2);
    expect(applied.find(({ kind }) => kind === 'Deployment')).toMatchObject({ spec: { replicas: 0 } });
    expect(status).toMatchObject({ schedule: { isStopped: true, until: '2026-11-24T06:00:00.000Z' } });
    expect(status.inventory.map(inventoryKey)).toEqual(
      [...others, web, nightly].map((one) => inventoryKey(entry(one))),
    );
  });

  it('leaves all as it is of what is stopped by hand', async () => {
    const { turn: end, applied } = await turn({ runs: { stopped: true } });
    expect([end, applied]).toEqual(['done', []]);
  });

  it.each<[string, World, string]>([
    [
      'the installation is paused',
      { isPaused: true },
      `--namespace agent annotate installation shop ${PAUSED_ANNOTATION}-`,
    ],
    [
      'one of these objects is paused',
      { live: [{ ...web, metadata: { ...web.metadata, annotations: { [PAUSED_ANNOTATION]: '' } } }, nightly] },
      `--namespace n annotate deployment web ${PAUSED_ANNOTATION}-`,
    ],
    [
      'somebody deletes a claim that its pods use',
      { claims: [{ ...data, metadata: { ...data.metadata, deletionTimestamp: '2026-11-23T12:00:00Z' } }] },
      'PersistentVolumeClaim/data is being deleted',
    ],
    [
      'a StatefulSet was deleted with its claims',
      { extra: db(), claims: [claimOf('data-db-0')] },
      'StatefulSet/db was deleted, and volume claims of its pods are gone: data-db-1. It is left as it is',
    ],
    [
      'the pods of a StatefulSet were ended, and their claims deleted',
      { extra: db(), live: [web, nightly, db(0)] },
      'StatefulSet/db has fewer pods than it is to have, and volume claims of its pods are gone: data-db-0, data-db-1',
    ],
    [
      'an API does not answer',
      { fault: new KubeError('the server is currently unable', { status: 503, reason: 'ServiceUnavailable' }) },
      'the server is currently unable',
    ],
  ])('is held before its first change, and says why, while %s', async (_what, world, why) => {
    const { turn: end, applied, status } = await turn(world);
    expect([end, applied]).toEqual(['held', []]);
    expect(status.schedule).toEqual({ isStopped: false, held: expect.stringContaining(why) });
  });

  describe('of a StatefulSet with volumes', () => {
    const morning = Date.parse('2026-11-24T06:10:00Z');
    const until = '2026-11-24T06:00:00.000Z';
    const claims = ['data-db-0', 'data-db-1'].map(claimOf);
    const whenScaled = { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' } };
    const fieldsV1 = { 'f:spec': { 'f:replicas': {} } };
    const managedFields = [{ manager: 'kube-controller-manager', subresource: 'scale', operation: 'Update', fieldsV1 }];
    const scaled = { ...db(1), metadata: { ...db().metadata, managedFields } };
    const stoppedAt = (hadClaims?: number): ScheduleStatus => ({
      isStopped: true,
      until,
      ...(hadClaims !== undefined && { hadClaims }),
    });

    it.each<[string, World, number | undefined]>([
      ['which run', { live: [web, nightly, db()], claims }, 1],
      [
        'but for those of a pod that never came up',
        { live: [web, nightly, db()], claims: claims.slice(0, 1) },
        undefined,
      ],
      ['which are all there though it is gone', { claims }, 1],
      [
        'but for a count that an autoscaler has not come to',
        { live: [web, nightly, scaled], claims: claims.slice(0, 1) },
        undefined,
      ],
    ])('its stop remembers that it had them, %s', async (_what, world, hadClaims) => {
      const { turn: end, status } = await turn({ extra: db(), ...world });
      expect([end, status.schedule]).toEqual(['done', stoppedAt(hadClaims)]);
    });

    const half = { ...db(0), metadata: { ...db().metadata, annotations: { [STOPPED_ANNOTATION]: 'true' } } };
    const single = object('apps/v1', 'StatefulSet', 'db', { volumeClaimTemplates });

    it('its stop goes on after its first half, though a claim was never made', async () => {
      const schedule = { ...stoppedAt(), isTurning: true };
      const live = [web, nightly, half];
      const { turn: end, applied, status } = await turn({ extra: db(), live, claims: claims.slice(0, 1), schedule });
      expect([end, status.schedule]).toEqual(['done', stoppedAt()]);
      expect(applied.find(({ kind }) => kind === 'Deployment')).toMatchObject({ spec: { replicas: 0 } });
    });

    it.each<[string, World]>([
      ['its claims are there', { schedule: stoppedAt(1), claims }],
      ['it is not known whether they ever were', { schedule: stoppedAt() }],
      ['it came after the stop, with another generation', { schedule: stoppedAt(0) }],
      ['its chart gives them up at each stop', { schedule: stoppedAt(1), live: [web, nightly, db(0, whenScaled)] }],
    ])('it starts when %s', async (_what, world) => {
      const { turn: end, applied } = await turn({ extra: db(), live: [web, nightly, db(0)], at: morning, ...world });
      expect(end).toBe('done');
      expect(applied.find(({ kind }) => kind === 'StatefulSet')).toMatchObject({ spec: { replicas: 2 } });
    });

    it.each<[string, KubeObject[]]>([
      ['their claims', [db(0)]],
      ['it and their claims', []],
    ])('its start is held when somebody has deleted %s since the stop', async (_what, live) => {
      const world = { extra: db(), live: [web, nightly, ...live], schedule: stoppedAt(1) };
      const { turn: end, applied, status } = await turn({ ...world, at: morning });
      expect([end, applied]).toEqual(['held', []]);
      const held = expect.stringContaining('volume claims of its pods are gone: data-db-0, data-db-1');
      expect(status.schedule).toEqual({ ...stoppedAt(1), held });
    });

    it('its start is held when somebody has deleted the claim of one whose chart does not say how many pods it has', async () => {
      const world = { extra: single, live: [web, nightly, half], schedule: stoppedAt(1) };
      const { turn: end, applied, status } = await turn({ ...world, at: morning });
      expect([end, applied]).toEqual(['held', []]);
      expect(status.schedule?.held).toContain('volume claims of its pods are gone: data-db-0. ');
    });

    it('its stop that is taken up again remembers none that is not there, also where the chart does not say how many pods it has', async () => {
      const world = { extra: single, live: [web, nightly, half], schedule: { ...stoppedAt(), isTurning: true } };
      const { turn: end, status } = await turn(world);
      expect([end, status.schedule]).toEqual(['done', stoppedAt()]);
    });

    it('its start that is tried again is held when somebody has deleted their claims since the first try', async () => {
      const refusal = new KubeError('spec.paused: Invalid value', { status: 422, reason: 'Invalid' });
      const world = { extra: db(), live: [web, nightly, db(0)], at: morning };
      const first = await turn({ ...world, claims, schedule: stoppedAt(1), refusal });
      expect([first.turn, first.status.schedule?.held]).toEqual(['held', expect.stringContaining(refusal.message)]);
      const { turn: end, applied, status } = await turn({ ...world, schedule: first.status.schedule });
      expect([end, applied]).toEqual(['held', []]);
      expect(status.schedule?.held).toContain('volume claims of its pods are gone: data-db-0, data-db-1');
      const last = await turn({ ...world, claims, schedule: status.schedule });
      expect([last.turn, last.status.schedule]).toEqual(['done', { isStopped: false }]);
    });
  });
});
