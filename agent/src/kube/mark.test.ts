import { expect, it } from 'vitest';
import type { KubeObject } from './client.ts';
import { markOf } from './mark.ts';

const workload = (metadata: object, rest: object = {}): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', uid: 'u', generation: 1, ...metadata },
    ...rest,
  }) as KubeObject;
const map = (metadata: object, rest: object = {}): KubeObject =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web', uid: 'u', ...metadata }, ...rest }) as KubeObject;

it.each([
  [
    'a status',
    workload({ resourceVersion: '1' }),
    workload({ resourceVersion: '2' }, { status: { replicas: 1 } }),
    true,
  ],
  ['a generation', workload({}), workload({ generation: 2 }), false],
  ['a label', workload({}), workload({ labels: { a: 'b' } }), false],
  ['another object of the same name', workload({}), workload({ uid: 'v' }), false],
  [
    'a version without any change',
    map({ resourceVersion: '1' }),
    map({ resourceVersion: '2', managedFields: [] }),
    true,
  ],
  ['a status where there is no generation', map({}), map({}, { status: { currentReplicas: 1 } }), true],
  ['content where there is no generation', map({}, { data: { a: '1' } }), map({}, { data: { a: '2' } }), false],
  ['an annotation where there is no generation', map({}), map({ annotations: { a: 'b' } }), false],
])('%s', (_what, before, after, isSame) => {
  expect(markOf(before) === markOf(after)).toBe(isSame);
});
