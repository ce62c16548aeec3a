import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import { neverOursOf, ownPart, withLiveReplicas, type NeverOurs } from './never-ours.ts';

const FIELD_MANAGER = 'steward-acme';
type Fields = Record<string, unknown>;

function workload(spec: Fields, managed: unknown[] = []): KubeObject {
  const metadata = { name: 'web', namespace: 'n', managedFields: managed };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec } as KubeObject;
}
const ours = (fieldsV1: Fields): Fields => ({ manager: FIELD_MANAGER, operation: 'Apply', fieldsV1 });
const theirs = (manager: string, fieldsV1: Fields, subresource?: string): Fields => ({
  manager,
  operation: 'Update',
  ...(subresource !== undefined && { subresource }),
  fieldsV1,
});
const replicas = { 'f:spec': { 'f:replicas': {} } };
const scaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web' },
  spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
} as KubeObject;
const scaled = neverOursOf([scaler], undefined, 'shop');
const nothing = neverOursOf([], undefined, 'shop');
const declared = (...fields: string[]): NeverOurs =>
  neverOursOf([], { ignore: [{ kind: 'Deployment', name: 'web', fields }] }, 'shop');

function applied(object: KubeObject, live: KubeObject, neverOurs: NeverOurs, isRepair = true): unknown {
  return ownPart(object, live, { fieldManager: FIELD_MANAGER, neverOurs, isRepair })['spec'];
}

describe('the count of an autoscaled workload', () => {
  it.each([
    ['is left out once the autoscaler has set it', scaled, [theirs('hpa', replicas)], { paused: false }],
    [
      'stays what it is as long as it is ours: it would fall back to one',
      scaled,
      [ours(replicas)],
      { paused: false, replicas: 5 },
    ],
    [
      'is also known by the controller that wrote it',
      nothing,
      [theirs('kube-controller-manager', replicas, 'scale')],
      { paused: false },
    ],
    ['is ours when a person set it', nothing, [theirs('kubectl', replicas, 'scale')], { paused: false, replicas: 2 }],
  ])('%s', (_what, neverOurs, managed, expected) => {
    const live = workload({ replicas: 5, paused: false }, managed);
    expect(applied(workload({ replicas: 2, paused: false }), live, neverOurs)).toEqual(expected);
  });

  it('is ours after it was given back, and as long as nobody changes what we applied then', () => {
    const byController = theirs('kube-controller-manager', replicas, 'scale');
    const had = [
      { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler', name: 'steward-deployment-web' },
    ];
    const wanted = workload({ replicas: 2 });
    const back = neverOursOf([wanted], undefined, 'shop', had);
    expect(applied(wanted, workload({ replicas: 5 }, [byController]), back)).toEqual({ replicas: 2 });
    // The autoscaler had left just that count: both have applied it.
    const both = workload({ replicas: 2 }, [byController, ours(replicas)]);
    expect(applied(workload({ replicas: 4 }), both, nothing)).toEqual({ replicas: 4 });
  });

  it('is ours while it is stopped, and when it is started again', () => {
    const byController = [theirs('kube-controller-manager', replicas, 'scale')];
    const stopped = (object: KubeObject): KubeObject => ({
      ...object,
      metadata: { ...object.metadata, annotations: { 'steward.dev/stopped': 'true' } },
    });
    expect(applied(stopped(workload({ replicas: 0 })), workload({ replicas: 5 }, byController), scaled)).toEqual({
      replicas: 0,
    });
    const resting = stopped(workload({ replicas: 0 }, [ours(replicas)]));
    expect(applied(workload({ replicas: 2 }), resting, scaled)).toEqual({ replicas: 2 });
    expect(applied(workload({}), resting, scaled)).toEqual({});
  });

  it('stays when a version no longer renders it and it is still ours', () => {
    expect(applied(workload({ paused: false }), workload({ replicas: 5 }, [ours(replicas)]), scaled)).toEqual({
      paused: false,
      replicas: 5,
    });
  });

  it('is kept by an object that is made anew in its place', () => {
    const options = { fieldManager: FIELD_MANAGER, neverOurs: scaled, isRepair: false };
    expect(withLiveReplicas(workload({ replicas: 2 }), workload({ replicas: 7 }), options)['spec']).toEqual({
      replicas: 7,
    });
  });
});

describe('declared fields', () => {
  const container = (resources: unknown): Fields => ({ containers: [{ name: 'web', image: 'a', resources }] });
  const path = 'spec.containers[web].resources';
  const owned = (resources: Fields): Fields =>
    ours({ 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { 'f:image': {}, 'f:resources': resources } } } });

  it('are left out where somebody else has set them, leaf by leaf', () => {
    const object = workload(container({ limits: { cpu: '1', memory: '1Gi' } }));
    const live = workload(container({ limits: { cpu: '4', memory: '1Gi' } }), [
      owned({ 'f:limits': { 'f:memory': {} } }),
    ]);
    expect(applied(object, live, declared(path))).toEqual(container({ limits: { memory: '1Gi' } }));
    expect(applied(object, live, nothing)).toEqual(object['spec']);
  });

  it('are left out as a whole when nothing of them is ours any more', () => {
    const live = workload(
      container({ limits: { cpu: '4' } }),
      [owned({})].map(() => ours({ 'f:spec': { 'f:x': {} } })),
    );
    expect(applied(workload(container({ limits: { cpu: '1' } })), live, declared(path))).toEqual({
      containers: [{ name: 'web', image: 'a' }],
    });
  });

  it('that somebody took out stay out, but a new version may bring new ones', () => {
    const object = workload(container({ limits: { cpu: '1' } }));
    const live = workload(container(undefined), [
      ours({ 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { 'f:image': {} } } } }),
    ]);
    expect(applied(object, live, declared(path))).toEqual({ containers: [{ name: 'web', image: 'a' }] });
    expect(applied(object, live, declared(path), false)).toEqual(object['spec']);
  });

  it('may be whole lists: of what others changed in their items only that is left out', () => {
    const live = workload({ containers: [{ name: 'web', image: 'b', args: ['x'] }] }, [
      ours({ 'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:name': {}, 'f:args': {} } } } }),
    ]);
    const object = workload({ containers: [{ name: 'web', image: 'a', args: ['y'] }, { name: 'gone' }] });
    expect(applied(object, live, declared('spec.containers'))).toEqual({ containers: [{ name: 'web', args: ['y'] }] });
  });

  it('of maps that belong to one manager as a whole go together', () => {
    const object = workload({ nodeSelector: { a: '1' }, paused: true });
    const of = (managed: Fields[]): KubeObject => workload({ nodeSelector: { a: '2' } }, managed);
    const field = declared('spec.nodeSelector');
    expect(applied(object, of([ours({ 'f:spec': { 'f:nodeSelector': {} } })]), field)).toEqual(object['spec']);
    expect(applied(object, of([ours({ 'f:spec': { 'f:paused': {} } })]), field)).toEqual({ paused: true });
  });

  it('count for the objects they name, with the name of the installation in it', () => {
    const ignore = [{ kind: 'Deployment', name: '${installation}-db', fields: ['spec.replicas', 'no path['] }];
    expect(neverOursOf([], { ignore }, 'shop').declared).toEqual([
      { kind: 'Deployment', name: 'shop-db', path: ['spec', 'replicas'] },
    ]);
  });
});
