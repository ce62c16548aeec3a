import { expect, it } from 'vitest';
import { decodeRenderedObject, imagesOf, podSpecOf } from './pod-specs.ts';

const spec = {
  initContainers: [{ name: 'prepare', image: 'busybox' }],
  containers: [{ name: 'main', image: 'nats:2.15' }, { name: 'broken' }],
  volumes: [
    { name: 'data', emptyDir: {} },
    { name: 'model', image: { reference: 'acme/model:1' } },
  ],
};

it('finds the pod spec of a StatefulSet and of a CronJob', () => {
  expect(podSpecOf({ kind: 'StatefulSet', spec: { template: { spec } } } as { kind: string })).toBe(spec);
  const cronJob = { kind: 'CronJob', spec: { jobTemplate: { spec: { template: { spec } } } } };
  expect(podSpecOf(cronJob)).toBe(spec);
});

it('lists the images of init containers, containers and image volumes', () => {
  const workload = { kind: 'Deployment', spec: { template: { spec } } };
  expect(imagesOf(workload)).toEqual(['busybox', 'nats:2.15', 'acme/model:1']);
});

it('finds none in what makes no pods', () => {
  const map = { kind: 'ConfigMap', spec: { template: { spec } } };
  expect(imagesOf(map)).toEqual([]);
});

it('takes only objects with a kind and a name', () => {
  expect(decodeRenderedObject({ apiVersion: 'v1', kind: 'List', items: [] }).ok).toBe(false);
  expect(decodeRenderedObject(null).ok).toBe(false);
  expect(decodeRenderedObject({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }).ok).toBe(true);
});
