import { describe, expect, it } from 'vitest';
import { AS_RELEASED, INSTALLATION_LABEL, ORGANIZATION_LABEL, type Autoscale, type RunState } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { neverOursOf } from '../fields/never-ours.ts';
import { checkRunState } from './check-run-state.ts';
import { changedKinds } from './classes.ts';
import { givenBack, possibleScalers } from './own-scalers.ts';
import { remedyText } from './remedy-text.ts';
import { withRunState } from './with-run-state.ts';

const labels = { [INSTALLATION_LABEL]: 'shop', [ORGANIZATION_LABEL]: 'acme', app: 'web' };
function workload(kind: string, name: string, resources: object = { requests: { cpu: '100m' } }): KubeObject {
  const containers = [{ name: 'server', resources }];
  const spec = { replicas: 3, template: { spec: { initContainers: [{ name: 'migrate' }], containers } } };
  return { apiVersion: 'apps/v1', kind, metadata: { name, namespace: 'n', labels }, spec };
}
const web = workload('Deployment', 'web');
const db = workload('StatefulSet', 'db');
const theirs: KubeObject = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'own' },
  spec: { scaleTargetRef: { kind: 'Deployment', name: 'web' }, minReplicas: 2, maxReplicas: 4 },
};
const offered = { autoscale: [{ kind: 'Deployment' as const, name: 'web', minimum: 1, maximum: 10 }] };
const bounds: Autoscale = { minimum: 2, maximum: 5, cpuPercent: 60 };
const on: RunState = { ...AS_RELEASED, autoscale: { 'Deployment/web': bounds } };
const scalersIn = (objects: readonly KubeObject[]): KubeObject[] =>
  objects.filter(({ metadata }) => metadata.name.startsWith('steward-'));
const countsIn = (objects: readonly KubeObject[]): unknown[] =>
  objects.slice(0, 2).map(({ spec }) => (spec as { replicas?: number }).replicas);

describe('a workload that is scaled by load', () => {
  it('has an autoscaler of the installation, begins with its minimum, and its count is never ours', () => {
    const objects = withRunState([web, db], on, offered);
    expect(scalersIn(objects)).toEqual([
      {
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: {
          name: 'steward-deployment-web',
          namespace: 'n',
          labels: { [INSTALLATION_LABEL]: 'shop', [ORGANIZATION_LABEL]: 'acme' },
        },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
          minReplicas: 2,
          maxReplicas: 5,
          metrics: [
            { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } },
          ],
        },
      },
    ]);
    expect(countsIn(objects)).toEqual([2, 3]);
    expect([...neverOursOf(objects, undefined, 'shop').autoscaled]).toEqual(['Deployment/web']);
  });

  it('has none where the release does not offer it or has one of its own, which is told', () => {
    const narrow = { autoscale: [{ kind: 'Deployment' as const, name: 'web', minimum: 1, maximum: 3 }] };
    for (const [objects, offers, said] of [
      [[web], {}, /does not offer/],
      [[web], narrow, /it offers: Deployment\/web: 1 to 3 pods/],
      [[web, theirs], offered, /HorizontalPodAutoscaler\/own of the release/],
      [[db], offered, /no Deployment\/web/],
    ] as const) {
      expect(withRunState(objects, on, offers)).toEqual(objects);
      const note = expect.stringMatching(new RegExp(`waits: .*${said.source}`));
      expect(checkRunState(objects, on, on, offers)).toMatchObject({ ok: true, value: [note] });
    }
  });

  it('keeps the autoscaler and an earlier count while it is stopped', () => {
    const runState = { ...on, replicas: { 'Deployment/web': 7 }, stopped: true };
    const objects = withRunState([web, db], runState, offered);
    expect([scalersIn(objects).length, countsIn(objects)]).toEqual([1, [0, 0]]);
    const scale = checkRunState([web], runState, { ...runState, stopped: false }, offered);
    expect(scale).toMatchObject({ ok: true, value: [expect.stringContaining('its own scale waits')] });
    expect(countsIn(withRunState([web, db], { ...runState, stopped: false, autoscale: {} }, offered))).toEqual([7, 3]);
  });
});

describe('before anything is written', () => {
  const refused = (objects: readonly KubeObject[], wanted: RunState, present: RunState = AS_RELEASED, offers = {}) => {
    const found = checkRunState(objects, wanted, present, { ...offered, ...offers });
    return found.ok ? undefined : `${found.failure.reason}: ${found.failure.message}`;
  };

  it('what cannot be scaled by load is refused', () => {
    expect(refused([web], on)).toBeUndefined();
    expect(refused([db], on)).toMatch(/^unknown-workload/);
    expect(refused([web, theirs], on)).toMatch(/^autoscaled: .*HorizontalPodAutoscaler\/own/);
    expect(refused([web], on, AS_RELEASED, { autoscale: [] })).toMatch(/^not-offered/);
    const wide = { ...on, autoscale: { 'Deployment/web': { ...bounds, maximum: 11 } } };
    expect(refused([web], wide)).toMatch(/^not-offered: .*1 to 10 pods/);
    expect(refused([web], { ...on, autoscale: { 'Deployment/web': { ...bounds, minimum: 6 } } })).toMatch(/above/);
  });

  it('a container without a CPU request is named: its load cannot be measured', () => {
    const [bare, limited] = [
      workload('Deployment', 'web', {}),
      workload('Deployment', 'web', { limits: { cpu: '1' } }),
    ];
    expect(refused([bare], on)).toMatch(/^not-offered: Deployment\/web\/server requests no CPU/);
    expect(refused([limited], on)).toBeUndefined();
    const container = { kind: 'Deployment' as const, name: 'web', container: 'server' };
    const resize = [{ ...container, cpu: { minimum: '1m', maximum: '1' } }];
    const sized = { ...on, resources: { 'Deployment/web/server': { cpuRequest: '50m' } } };
    expect(refused([bare], sized, AS_RELEASED, { resize })).toBeUndefined();
    expect(refused([bare], on, on)).toBeUndefined();
  });

  it('a count by hand is refused with the name of our autoscaler', () => {
    const scaled = { ...on, replicas: { 'Deployment/web': 4 } };
    expect(refused([web], scaled, on)).toMatch(
      /^autoscaled: .*steward-deployment-web \(minReplicas 2, maxReplicas 5\)/,
    );
  });
});

describe('when it is switched off', () => {
  const had = [{ kind: 'HorizontalPodAutoscaler', name: 'steward-deployment-web' }];

  it('the count is given back as long as the inventory knows of the autoscaler', () => {
    expect([...givenBack([web, db], had)]).toEqual(['Deployment/web']);
    expect([...givenBack(withRunState([web], on, offered), had)]).toEqual([]);
    expect([...givenBack([web], [{ kind: 'HorizontalPodAutoscaler', name: 'own' }])]).toEqual([]);
  });

  it('every one that may have been made can be found again when nobody knows of it', () => {
    expect(possibleScalers([web, db], offered).map(({ metadata }) => metadata.name)).toEqual([
      'steward-deployment-web',
    ]);
  });
});

it('is an autoscale to the policy and in its title', () => {
  expect(changedKinds(AS_RELEASED, on)).toEqual(['autoscale']);
  expect(changedKinds(on, AS_RELEASED)).toEqual(['autoscale']);
  expect(remedyText('autoscale', AS_RELEASED, on)).toBe('Deployment/web from 2 to 5 pods at 60 % CPU');
  expect(remedyText('autoscale', on, AS_RELEASED)).toBe('Deployment/web=as released');
});
