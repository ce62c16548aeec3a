import { expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import type { InstallationStatus } from '../../operations/installation/installation-object.ts';
import { SUPPORT_POLICY } from '../../operations/kinds.ts';
import type { ReconcileContext } from '../context.ts';
import { checkDrift } from './check-drift.ts';

const labels = { 'steward.dev/installation': 'shop', 'steward.dev/organization': 'acme' };
const db: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db', namespace: 'n', uid: 'db', labels },
  spec: { replicas: 1, volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] },
};

interface World {
  live?: KubeObject;
  mode?: 'report';
  policies?: object[];
}

/** What is said of `db`, whose claims are gone. */
async function saidOf({ live, mode, policies = [] }: World): Promise<string | undefined> {
  let status = {
    state: 'running',
    observedGeneration: 1,
    history: [{ generation: 1, version: '1.0.0', renderRef: 'r' }],
    inventory: [],
  } as unknown as InstallationStatus;
  const drift = mode && { mode, ignore: [] };
  const context = {
    now: () => new Date(),
    config: { namespace: 'agent', organization: 'acme', fieldManager: 'steward-acme' },
    installations: {
      read: async () => structuredClone({ name: 'shop', namespace: 'n', id: 'i', isPaused: false, status }),
      write: async (_: string, patch: Partial<InstallationStatus>) => void (status = { ...status, ...patch }),
    },
    renders: { load: async () => ({ objects: [db], hooks: [], meta: { permissions: [], ...(drift && { drift }) } }) },
    monitors: { refresh: () => undefined },
    kube: {
      list: async ({ kind }: { kind: string }) => (kind === SUPPORT_POLICY.kind ? policies : []),
      resourceOf: async () => ({ group: 'apps', version: 'v1', kind: db.kind, plural: '', namespaced: true }),
      get: async () => live,
      apply: async (one: KubeObject) => one,
    },
  } as unknown as ReconcileContext;
  const { signal } = new AbortController();
  const none = { tell: () => {}, beforeLook: async () => {} };
  await checkDrift({ context, name: 'shop', keys: undefined, untilWriting: signal, signal, ...none });
  const [entry] = status.drift?.entries ?? [];
  expect(entry).toMatchObject({ object: 'StatefulSet/db', state: 'refused' });
  return entry?.message;
}

const spec = { rules: { repair: 'deny' } };
const denying = { metadata: { name: 'careful' }, spec };

it.each<[string, World, string]>([
  [
    'its release only tells of it',
    { mode: 'report' },
    'this version only tells what others change (drift.mode: report)',
  ],
  ['a policy denies it', { policies: [denying] }, 'repair of shop: deny (SupportPolicy careful)'],
  [
    'a policy denies it, and only its count was lowered',
    { policies: [denying], live: { ...db, spec: { ...(db['spec'] as object), replicas: 0 } } },
    'repair of shop: deny (SupportPolicy careful)',
  ],
])('what waits for its claims does not go on by itself where %s', async (_, world, why) => {
  const said = await saidOf(world);
  expect(said).toMatch(
    /claims of its pods are gone: data-db-0\. .*and make it again with them, or begin with empty ones/,
  );
  expect(said).toContain(`steward restart shop. By itself it does not go on: ${why}`);
  expect(said).not.toContain('goes on by itself');
});

it('what waits for its claims goes on by itself where it may be put right', async () => {
  expect(await saidOf({})).toMatch(/and it goes on by itself; or begin with empty ones: steward restart shop$/);
});
