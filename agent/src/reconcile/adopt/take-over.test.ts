import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import { neverOursOf, ownPart } from '../fields/never-ours.ts';
import { asTakenOver } from './take-over.ts';

describe('what is applied over what Helm runs', () => {
  it('leaves the count of an autoscaled workload as it is, which is ours for that moment: without it one pod would be left', () => {
    const live: KubeObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: 'web',
        managedFields: [{ manager: 'helm', operation: 'Update', fieldsV1: { 'f:spec': { 'f:replicas': {} } } }],
      },
      spec: { replicas: 4 },
    };
    const wanted: KubeObject = { ...live, metadata: { name: 'web' }, spec: { replicas: 1 } };
    const scaler: KubeObject = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'web' },
      spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' } },
    };
    const options = {
      fieldManager: 'steward-acme',
      neverOurs: neverOursOf([wanted, scaler], undefined, 'web'),
      isRepair: false,
    };
    expect(ownPart(wanted, asTakenOver(live, 'steward-acme'), options)['spec']).toEqual({ replicas: 4 });
  });
});
