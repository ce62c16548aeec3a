import { expect, it } from 'vitest';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { KubeError } from '../../kube/error.ts';
import { executeStep, type Step } from './steps.ts';

const ref: ResourceRef = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n', uid: 'u' } };
/** Helm's, and Steward's: either may be taken or given back. */
const live: KubeObject = {
  ...object,
  metadata: {
    ...object.metadata,
    labels: { 'steward.dev/installation': 'a' },
    managedFields: [{ manager: 'helm', operation: 'Apply', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': {} } }],
  },
};
const entry = { ...ref, name: 'a', namespace: 'n' };

it.each<Step>([
  { type: 'apply', ref, object, force: true },
  { type: 'make-once', ref, object },
  { type: 'make-way', ref, object, uid: 'u', propagation: 'Foreground' },
  { type: 'take-over', ref, object, uid: 'u' },
  { type: 'give-back', entry, release: { releaseName: 'a', namespace: 'n' } },
  { type: 'resize-claim', resize: { namespace: 'n', name: 'a', from: '1Gi', to: '2Gi' } },
  { type: 'remove', entry, propagation: 'Background' },
  { type: 'end', entry, isAwaited: false },
  { type: 'remove-pod', namespace: 'n', name: 'a', uid: 'u' },
  { type: 'evict-pod', namespace: 'n', name: 'a', uid: 'u' },
])('waits for a webhook that does not answer until the deadline, and no longer: $type', async (step) => {
  let nowMs = 0;
  const silent = async (): Promise<never> => {
    nowMs += 1;
    throw new KubeError('failed calling webhook "a.example": no', { status: 500, reason: 'InternalError' });
  };
  const kube = {
    servedAs: async () => ref,
    get: async () => live,
    apply: silent,
    create: silent,
    mergePatch: silent,
  };
  const outcome = await executeStep(step, {
    kube: { ...kube, remove: silent, evict: silent } as unknown as KubeClient,
    fieldManager: 'f',
    signal: AbortSignal.timeout(10_000),
    deadlineMs: 1,
    now: () => new Date(nowMs),
  });
  expect(outcome).toMatchObject({ ok: false, failure: { message: expect.stringContaining('webhook a.example') } });
  expect(nowMs).toBe(2);
});

it('waits no longer either for what is asked before something is removed', async () => {
  const servedAs = async (): Promise<never> => {
    throw new KubeError('failed calling webhook "a.example": no', { status: 500, reason: 'InternalError' });
  };
  const outcome = await executeStep(
    { type: 'remove', entry, propagation: 'Foreground' },
    {
      kube: { servedAs } as unknown as KubeClient,
      fieldManager: 'f',
      signal: AbortSignal.timeout(3_000),
      deadlineMs: 1,
      now: () => new Date(2),
    },
  );
  expect(outcome).toMatchObject({ ok: false });
});

it.each([
  ['its finalizers', 'ConfigMap', ['a.example/b'], '; it is held by its finalizers a.example/b'],
  ['nothing that is known', 'ConfigMap', [], ''],
  [
    'a pod of it',
    'StatefulSet',
    ['foregroundDeletion'],
    ': a pod has not ended. If its node is gone, remove it: kubectl --namespace n delete pod NAME --force',
  ],
  [
    'itself, as a pod',
    'Pod',
    [],
    ': a pod has not ended. If its node is gone, remove it: kubectl --namespace n delete pod a --force',
  ],
])('tells what an object that does not go waits for: %s', async (_what, kind, finalizers, why) => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const live = { ...object, kind, metadata: { ...object.metadata, deletionTimestamp, finalizers } };
  const outcome = await executeStep(
    { type: 'make-way', ref, object: live, uid: 'u', propagation: 'Foreground' },
    {
      kube: { get: async () => live } as unknown as KubeClient,
      fieldManager: 'f',
      signal: AbortSignal.timeout(3_000),
      deadlineMs: 1,
      now: () => new Date(2),
    },
  );
  expect(outcome).toMatchObject({ failure: { message: `${kind}/a did not go before the deadline${why}` } });
});
