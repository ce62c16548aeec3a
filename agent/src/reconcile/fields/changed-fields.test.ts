import { describe, expect, it } from 'vitest';
import { changedFields, MAX_FIELDS } from './changed-fields.ts';

describe('changed fields', () => {
  it.each([
    [
      'numbers and images with their values',
      { spec: { replicas: 1 } },
      { spec: { replicas: 3 } },
      ['spec.replicas: 1 → 3'],
    ],
    [
      'containers by name',
      {
        spec: {
          containers: [
            { name: 'a', image: 'x:1' },
            { name: 'b', image: 'y:1' },
          ],
        },
      },
      {
        spec: {
          containers: [
            { name: 'b', image: 'y:1' },
            { name: 'a', image: 'x:2' },
          ],
        },
      },
      ['spec.containers[a].image: x:1 → x:2'],
    ],
    [
      'a list of which only the order differs, since steps may depend on it',
      { spec: { initContainers: [{ name: 'a' }, { name: 'b' }] } },
      { spec: { initContainers: [{ name: 'b' }, { name: 'a' }] } },
      ['spec.initContainers'],
    ],
    [
      'a list with two items of a name',
      {
        spec: {
          parents: [
            { name: 'a', port: 1 },
            { name: 'a', port: 2 },
          ],
        },
      },
      {
        spec: {
          parents: [
            { name: 'a', port: 3 },
            { name: 'a', port: 2 },
          ],
        },
      },
      ['spec.parents'],
    ],
    ['other texts without them', { spec: { host: 'a' } }, { spec: { host: 'b' } }, ['spec.host']],
    ['settings without them, also numbers', { data: { port: 1 } }, { data: { port: 2 } }, ['data.port']],
    [
      'environment and arguments without them',
      { spec: { c: [{ name: 'a', env: [{ name: 'P', value: 1 }], args: [1] }] } },
      { spec: { c: [{ name: 'a', env: [{ name: 'P', value: 2 }], args: [2] }] } },
      ['spec.c[a].env[P].value', 'spec.c[a].args[0]'],
    ],
    ['what is new or gone', { spec: { a: true } }, { spec: { b: 2 } }, ['spec.a: true → unset', 'spec.b: unset → 2']],
    [
      'nothing the server keeps',
      { metadata: { resourceVersion: '1', generation: 1, managedFields: [] }, status: { a: 1 } },
      { metadata: { resourceVersion: '2', generation: 2, managedFields: [1] }, status: { a: 2 } },
      [],
    ],
    ['nothing when only the order of keys differs', { a: { b: 1, c: 2 } }, { a: { c: 2, b: 1 } }, []],
  ])('are %s', (_what, before, after, fields) => {
    expect(changedFields(before, after, false)).toEqual(fields);
  });

  it('of a Secret never have values', () => {
    expect(changedFields({ immutable: false, data: { a: 'x' } }, { immutable: true, data: { a: 'y' } }, true)).toEqual([
      'immutable',
      'data.a',
    ]);
  });

  it('are so many and no more', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`f${index}`, index]));
    expect(changedFields({}, many, false)).toHaveLength(MAX_FIELDS);
  });

  it('do not tell that a Job loses what no Job of ours has', () => {
    const job = { apiVersion: 'batch/v1', kind: 'Job', spec: { ttlSecondsAfterFinished: 9, suspend: true } };
    const after = { ...job, spec: { suspend: false } };
    expect(changedFields(job, after, false)).toEqual(['spec.suspend: true → false']);
    expect(changedFields({ ...job, apiVersion: 'ray.io/v1' }, { ...after, apiVersion: 'ray.io/v1' }, false)).toEqual([
      'spec.ttlSecondsAfterFinished: 9 → unset',
      'spec.suspend: true → false',
    ]);
  });
});
