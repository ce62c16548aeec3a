import { describe, expect, it } from 'vitest';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { KubeError } from '../../kube/error.ts';
import { planObject, type ObjectPlanInput, type PlannedObject } from './plan-object.ts';

const map: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } };
const ours = { 'steward.dev/installation': 'shop', 'steward.dev/organization': 'acme' };

/** A cluster in which a dry run ends with this. */
async function plan(
  object: KubeObject,
  live: KubeObject | undefined,
  error: KubeError,
  more: Pick<ObjectPlanInput, 'isLate' | 'goingClaims'> = {},
): Promise<PlannedObject> {
  const kube = {
    resourceOf: async (_: string, kind: string) => ({ group: '', version: 'v1', kind, plural: 'x', namespaced: true }),
    get: async () => live,
    apply: () => Promise.reject(error),
  } as unknown as KubeClient;
  const input: ObjectPlanInput = {
    kube,
    fieldManager: 'steward-acme',
    organization: 'acme',
    installation: 'shop',
    ours: new Map(),
    neverOurs: { autoscaled: new Set(), givenBack: new Set(), declared: [] },
    mayAskLess: false,
    ...more,
    signal: AbortSignal.timeout(5_000),
  };
  return planObject(object, input);
}

describe('an object that no dry run tells about', () => {
  const webhook = new KubeError('admission webhook "old.example" does not support dry run', {
    status: 400,
    reason: 'BadRequest',
  });
  const missing = new KubeError('roles "r" not found', { status: 404, reason: 'NotFound' });

  it('is planned all the same, and marked as unknown', async () => {
    const fields = ['unknown: the admission webhook old.example takes part in no dry run'];
    expect(await plan(map, undefined, webhook)).toMatchObject({ action: 'create', fields, isUnknown: true });
    const live = { ...map, metadata: { ...map.metadata, uid: 'u', labels: ours } };
    expect(await plan(map, live, webhook)).toMatchObject({ action: 'update', fields, isUnknown: true, isOurs: true });
  });

  it('is refused when its deadline is over and the API server cannot do it', async () => {
    const dead = new KubeError('service unavailable', { status: 503, reason: 'ServiceUnavailable' });
    await expect(plan(map, undefined, dead, { isLate: () => true })).rejects.toThrow(
      'cannot do what is asked with ConfigMap/a now',
    );
  });

  it('may be a binding whose Role is made with it, and no other object', async () => {
    const binding = { ...map, apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding' };
    expect(await plan(binding, undefined, missing)).toMatchObject({ action: 'create', isUnknown: true });
    await expect(plan(map, undefined, missing)).rejects.toThrow('refuses ConfigMap/a');
  });
});

describe('a claim that somebody is deleting', () => {
  const claim: KubeObject = { ...map, kind: 'PersistentVolumeClaim', metadata: { name: 'data', namespace: 'n' } };
  const finalizers = ['kubernetes.io/pvc-protection'];
  const metadata = { ...claim.metadata, uid: 'u', labels: ours, deletionTimestamp: '2026-11-28T12:00:00Z', finalizers };
  const none = new KubeError('no dry run was expected', { status: 400, reason: 'BadRequest' });

  it('is left as it is by what only stops or goes back', async () => {
    const planned = await plan(claim, { ...claim, metadata }, none, { goingClaims: 'kept' });
    expect(planned).toMatchObject({ action: 'keep', uid: 'u' });
    expect(planned.replacement).toBeUndefined();
  });

  it('is refused to what wants it, with its name and the way out', async () => {
    const message = /PersistentVolumeClaim\/data is being deleted.*pvc-protection.*steward stop shop/;
    await expect(plan(claim, { ...claim, metadata }, none)).rejects.toThrow(message);
  });
});

describe('a workload of which somebody is deleting a claim', () => {
  const template = { metadata: {}, spec: { containers: [] } };
  const made = { serviceName: 'db', volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] };
  const named = { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } }] };
  const workload = (kind: string, replicas: number, podSpec = {}, more = {}): KubeObject => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: 'db', namespace: 'n', uid: 'u', labels: ours },
    spec: { replicas, template: { ...template, spec: { ...template.spec, ...podSpec } }, ...more },
  });
  const going = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'n', deletionTimestamp: '2026-11-28T12:00:00Z' },
  });

  function planned(
    wanted: KubeObject,
    live: KubeObject | undefined,
    { claim = 'data-db-0', goingClaims }: { claim?: string; goingClaims?: ObjectPlanInput['goingClaims'] } = {},
  ): Promise<string> {
    const kube = {
      resourceOf: async (_: string, kind: string) => ({ group: 'apps', version: 'v1', kind, namespaced: true }),
      get: async () => live,
      list: async () => [going(claim)],
      apply: async () => wanted,
    } as unknown as KubeClient;
    const input = {
      kube,
      fieldManager: 'steward-acme',
      organization: 'acme',
      installation: 'shop',
      ours: new Map(),
      neverOurs: { autoscaled: new Set<string>(), givenBack: new Set<string>(), declared: [] },
      mayAskLess: false,
      goingClaims,
      signal: AbortSignal.timeout(5_000),
    };
    return planObject(wanted, input).then(
      ({ action }) => action,
      (error: Error) => error.message,
    );
  }
  const refused = expect.stringMatching(/PersistentVolumeClaim\/data-db-0 is being deleted.*steward stop shop/);
  const set = (replicas: number, podSpec = {}): KubeObject => workload('StatefulSet', replicas, podSpec, made);
  const deployment = (replicas: number): KubeObject => workload('Deployment', replicas, named);

  it.each<[string, KubeObject, KubeObject | undefined, unknown]>([
    ['is not made', set(1), undefined, refused],
    ['gets no other pods', set(1, { hostname: 'b' }), set(1), refused],
    ['gets no more pods', set(2), set(1), refused],
    ['gets no more pods that name it', deployment(2), deployment(1), refused],
    ['may get fewer', set(1), set(2), 'update'],
    ['may stay as it is', set(1), set(1), 'keep'],
  ])('%s', async (_, wanted, live, end) => {
    expect(await planned(wanted, live, { goingClaims: 'kept' })).toEqual(end);
  });

  it('may become what is asked for by who lets it go, or where another claim goes', async () => {
    expect(await planned(set(2), set(1), { goingClaims: 'let-go' })).toBe('update');
    expect(await planned(set(2), set(1), { claim: 'data-other-0' })).toBe('update');
  });
});
