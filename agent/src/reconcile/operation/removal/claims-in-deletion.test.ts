import { expect, it } from 'vitest';
import type { OperationPlan } from '@steward/shared';
import type { KubeObject } from '../../../kube/client.ts';
import { groupOf } from '../../../kube/object.ts';
import { inventoryKey } from '../../plan/inventory.ts';
import { LostSetError } from '../../render/render-store.ts';
import type { Run } from '../run/run.ts';
import { uninstall } from '../uninstall.ts';

const deletionTimestamp = '2026-11-28T12:00:00Z';
const spec = { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] };
const template = { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] } };
const set = { kind: 'StatefulSet', spec };
const stopped = { kind: 'StatefulSet', spec: { ...spec, replicas: 0 } };
const operated = { ...set, metadata: { ownerReferences: [{ kind: 'Database', name: 'a', uid: 'Database' }] } };
const naming = { kind: 'Deployment', spec: { template } };
const nightly = { kind: 'CronJob', spec: { jobTemplate: { spec: { template } } } };
const pod = { kind: 'Pod', spec: template.spec };
const ended = { status: { conditions: [{ type: 'Complete', status: 'True' }] } };
const kept = { annotations: { 'helm.sh/resource-policy': 'keep' } };
const itself = { metadata: { deletionTimestamp } };

const API_VERSIONS: Record<string, string> = {
  Database: 'a.example/v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
  Pod: 'v1',
};

type Part = { kind: string; metadata?: object };
interface Case {
  parts: readonly Part[];
  claim?: string;
  /** Of these kinds of the parts; then nobody is deleting it. */
  owners?: readonly string[];
  deleteVolumes?: boolean;
  /** The good set: lost, or all of the parts. */
  stored?: undefined;
  state?: string;
  history?: readonly object[];
  /** Under way since then. */
  startedAt?: string;
  /** It was agreed to remove this too, and it is gone. */
  gone?: string;
}

/** How an uninstall ends, or the plan that it begins with: of an inventory of all of these but what has an owner, beside that claim. */
async function endOf({ parts, claim: name = 'data-a-0', ...more }: Case): Promise<string> {
  const { owners, deleteVolumes = false, startedAt, gone, state = 'running', history = [{ renderRef: 'r' }] } = more;
  const withName = (part: Part): KubeObject => {
    const metadata = { name: 'a', namespace: 'n', uid: part.kind, ...part.metadata };
    return { ...part, apiVersion: API_VERSIONS[part.kind] ?? 'apps/v1', metadata };
  };
  const objects = parts.map(withName);
  const applied = objects.filter(({ metadata }) => !metadata.ownerReferences);
  const ownerReferences = (owners ?? []).map((kind) => ({ apiVersion: 'a/v1', kind, name: 'a', uid: kind }));
  const metadata = { name, namespace: 'n', uid: 'v', ...(owners ? { ownerReferences } : { deletionTimestamp }) };
  const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata };
  const inventory = [...applied, ...(gone === undefined ? [] : [withName({ kind: gone })])].map(
    ({ apiVersion, kind }) => ({
      group: groupOf(apiVersion),
      version: 'v1',
      kind,
      namespace: 'n',
      name: 'a',
      uid: kind,
    }),
  );
  const removed = new Set<string>();
  const policy = { kind: 'SupportPolicy', metadata: { name: 'p' }, spec: { rules: { uninstall: 'allow' } } };
  const found = (kind: string): KubeObject[] =>
    [...objects, claim, { ...policy, apiVersion: 'steward.dev/v1' }].filter(
      (one) => one.kind === kind && !removed.has(kind),
    );
  const stored = 'stored' in more ? more.stored : applied;
  const status = { state: 'running', phase: 'apply', startedAt, reach: inventory.map(inventoryKey) };
  const ends: string[] = [];
  const run = {
    kind: 'uninstall',
    title: 'uninstall',
    kinds: ['uninstall'],
    helmRelease: {},
    record: {
      spec: { desired: { name: 'shop', deleteVolumes } },
      status: startedAt === undefined ? { state: 'accepted' } : { ...status, deadlineAt: startedAt },
    },
    installation: {
      name: 'shop',
      namespace: 'n',
      status: { state, version: '1.0.0', history, inventory, claimMakers: [] },
    },
    context: {
      now: () => new Date('2026-11-28T12:00:00.000Z'),
      config: { namespace: 's' },
      log: { warn: () => undefined },
      journal: { note: async () => undefined, lookFor: async () => undefined },
      monitors: { end: () => undefined, watch: () => undefined },
      installations: { write: async () => undefined },
      renders: {
        load: async () => {
          if (!stored) throw new LostSetError('it is gone');
          return { meta: { deadlineSeconds: 60, permissions: [] }, objects: stored, hooks: [] };
        },
        remove: async () => undefined,
      },
      kube: {
        missingAccess: async () => [],
        list: async ({ kind }: { kind: string }) => found(kind),
        servedAs: async (one: object) => one,
        get: async ({ kind }: { kind: string }) => found(kind)[0],
        remove: async ({ kind }: { kind: string }) => void removed.add(kind),
      },
    },
    write: async () => undefined,
    begin: async ({ told }: { told: OperationPlan }) => {
      const changes = told.changes.map(({ action, object, fields = [] }) => `${action} ${object} ${fields.join()}`);
      throw new Error(`${told.summary} [${changes.join('; ')}]`);
    },
    move: async ({ message, state: to }: { message: string; state: string }) =>
      void (to === 'failed' || to === 'succeeded' ? ends.push(message) : undefined),
    span: (_: string, work: () => unknown) => work(),
    signal: AbortSignal.timeout(4_000),
    untilWriting: AbortSignal.timeout(4_000),
  };
  await uninstall(run as unknown as Run).catch(({ message }: Error) => void ends.push(message));
  return ends.join();
}

const isKept = 'PersistentVolumeClaim/data.* is being deleted.* steward stop shop; and uninstall again';
const instead = '\\. If nobody needs what is in its volumes: steward uninstall shop --delete-volumes';
const goes = 'A claim that is being deleted goes, .*: PersistentVolumeClaim/data';

it.each([
  { of: 'that its StatefulSet made', parts: [set], end: isKept + instead },
  { of: "of somebody else's that it names", parts: [naming], claim: 'data', end: `${isKept}$` },
  { of: 'just so with its volumes', parts: [naming], claim: 'data', deleteVolumes: true, end: `${isKept}$` },
  { of: 'that a CronJob uses too', parts: [naming, nightly], claim: 'data', end: isKept },
  { of: 'since it began', parts: [set], startedAt: '2026-11-28T11:00:00.000Z', end: `${isKept}.*1.0.0 runs on` },
])(
  'refuses to end the pods that keep a claim which somebody is deleting where a stop does it: $of',
  async ({ end, ...row }) => {
    expect(await endOf(row)).toMatch(new RegExp(end));
  },
);

it.each([
  { of: 'nothing ever was whole', parts: [naming], claim: 'data', state: 'failed', history: [] },
  { of: 'an operation left it half', parts: [set], state: 'failed' },
  { of: 'its set is lost', parts: [set], stored: undefined },
  { of: 'no stop ends a Pod', parts: [pod], claim: 'data' },
  { of: 'a Job uses it too', parts: [naming, { ...naming, kind: 'Job' }], claim: 'data' },
  { of: "it is an operator's", parts: [{ kind: 'Database' }, operated] },
  { of: 'it was so when that began', parts: [set], startedAt: '2026-11-28T13:00:00.000Z' },
  { of: 'something is removed', parts: [set], startedAt: '2026-11-28T11:00:00.000Z', gone: 'Ingress' },
])('says that such a claim goes with its pods where no stop is a way out: $of', async (row) => {
  const end = await endOf(row);
  expect(end).toMatch(new RegExp(goes));
  expect(end).not.toContain('steward stop');
});

it.each([
  { of: 'its pods have ended', parts: [stopped, { kind: 'ServiceMonitor' }] },
  {
    of: 'what has no count is stopped',
    parts: [{ ...naming, kind: 'DaemonSet', metadata: { annotations: { 'steward.dev/stopped': 'true' } } }],
    claim: 'data',
  },
  { of: 'its Job has ended', parts: [{ ...naming, kind: 'Job', ...ended }], claim: 'data' },
  { of: 'its pods end already', parts: [{ ...set, ...itself }] },
  { of: 'its operator ends them already', parts: [{ kind: 'Database', ...itself }, operated] },
  { of: 'it goes with its volumes', parts: [set], deleteVolumes: true },
])('goes on and does not say that such a claim stays: $of', async (row) => {
  expect(await endOf(row)).toMatch(
    /leaves none\. Volumes (stay|and what is in them are removed)\.( A claim that is being deleted goes.*| What is in .*)? \[/,
  );
});

const follows =
  'Kubernetes deletes what belongs to something that goes, with what is in it: PersistentVolumeClaim/data-a-0';

it.each([
  { of: 'by whenDeleted', parts: [set], owners: ['StatefulSet'], by: 'with StatefulSet/a, which owns' },
  {
    of: 'that its operator made',
    parts: [{ kind: 'Database' }],
    owners: ['Database'],
    by: 'with Database/a, which owns',
  },
  {
    of: 'of a set that its operator made',
    parts: [{ kind: 'Database' }, operated],
    owners: ['StatefulSet'],
    by: 'with StatefulSet/a, which owns',
  },
  {
    of: 'of more than one',
    parts: [{ kind: 'Database' }, set],
    owners: ['Database', 'StatefulSet'],
    by: 'with Database/a and StatefulSet/a, which own',
  },
])('says that a claim goes with what owns it, and not that it stays: $of', async ({ by, ...row }) => {
  const plan = await endOf(row);
  expect(plan).toContain(`leaves none. Other volumes stay. ${follows}`);
  expect(plan).toContain(`delete PersistentVolumeClaim/data-a-0 by Kubernetes, ${by} it`);
});

it.each([
  { of: 'it is kept', parts: [{ kind: 'Database', metadata: kept }, set], owners: ['Database'] },
  { of: 'one of them stays', parts: [{ kind: 'Database', metadata: kept }, set], owners: ['Database', 'StatefulSet'] },
  { of: "it is somebody else's", parts: [set], owners: ['Other'] },
])('says that a claim stays which has an owner that does not go: $of', async (row) => {
  const plan = await endOf(row);
  expect(plan).toContain('Volumes stay.');
  expect(plan).toContain('keep PersistentVolumeClaim/data-a-0 ');
});

it('names at the end what went with its owner, also after a kill when that owner is gone', async () => {
  const parts = [{ kind: 'Deployment' }];
  const end = await endOf({ parts, owners: ['StatefulSet'], gone: 'StatefulSet', startedAt: deletionTimestamp });
  expect(end).toContain(follows);
  expect(end).not.toContain('delete persistentvolumeclaim');
});
