import { describe, expect, it } from 'vitest';
import type { Lookup, Release } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { Lookups } from './lookups.ts';

const permission = (kind: string, verbs: Release['permissions'][number]['verbs'], names?: string[]) => ({
  apiGroup: '',
  apiVersion: 'v1',
  kind,
  resource: `${kind.toLowerCase()}s`,
  verbs,
  ...(names && { names }),
  reason: 'test',
});
const permissions = [permission('Secret', ['get'], ['${installation}-auth']), permission('ConfigMap', ['list'])];
const own = { apiVersion: 'v1', kind: 'Secret', namespace: 'shop-ns', name: 'shop-auth' };
const all = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'shop-ns', name: '' };

/** A cluster that has whatever is asked for. */
function lookups(content = 'x'): { lookups: Lookups; read: string[] } {
  const read: string[] = [];
  const object = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'any',
    metadata: { name, managedFields: [content] },
    data: { content },
  });
  const kube = {
    resourceOf: async (_apiVersion: string, kind: string) => ({
      group: '',
      version: 'v1',
      kind,
      plural: `${kind}s`,
      namespaced: true,
    }),
    get: async (_ref: unknown, namespace: string, name: string) => {
      read.push(`${namespace}/${name}`);
      return object(name);
    },
    list: async (_ref: unknown, namespace: string) => {
      read.push(`${namespace}/*`);
      return [object('a'), object('b')];
    },
  } as unknown as KubeClient;
  const signal = AbortSignal.timeout(10_000);
  return { lookups: new Lookups({ kube, permissions, releaseName: 'shop', namespace: 'shop-ns', signal }), read };
}

describe('what a template looks up', () => {
  it('is read as it lives where the release names it', async () => {
    const { lookups: some, read } = lookups();
    const secret = await some.answer(own);
    expect(secret.ok && JSON.parse(secret.value)).toEqual({
      apiVersion: 'v1',
      kind: 'any',
      metadata: { name: 'shop-auth' },
      data: { content: 'x' },
    });
    expect(some.hasReadSecret).toBe(true);
    const list = await some.answer(all);
    expect(list.ok && JSON.parse(list.value)).toMatchObject({ kind: 'ConfigMapList', items: [{}, {}] });
    expect(read).toEqual(['shop-ns/shop-auth', 'shop-ns/*']);
  });

  it.each<[string, Lookup | undefined]>([
    ['another namespace', { ...own, namespace: 'other' }],
    ['the whole cluster', { ...own, namespace: '' }],
    ['another name', { ...own, name: 'shop-other' }],
    ['all Secrets', { ...own, name: '' }],
    ['a right it does not have', { ...all, name: 'a' }],
    ['another group', { ...own, apiVersion: 'example.dev/v1' }],
    ['another kind', { ...own, kind: 'Pod' }],
    ['no four texts', undefined],
  ])('is refused for %s, and nothing is read', async (_what, lookup) => {
    const { lookups: some, read } = lookups();
    expect(await some.answer(lookup)).toMatchObject({ ok: false, failure: { reason: 'kind-not-permitted' } });
    expect(read).toEqual([]);
  });

  it('ends at a count and at a size', async () => {
    const { lookups: many } = lookups();
    for (let count = 0; count < 50; count += 1) expect(await many.answer(own)).toMatchObject({ ok: true });
    expect(await many.answer(own)).toMatchObject({ failure: { reason: 'too-large' } });
    const { lookups: large } = lookups('x'.repeat(600 * 1024));
    expect(await large.answer(own)).toMatchObject({ ok: true });
    expect(await large.answer(own)).toMatchObject({ failure: { reason: 'too-large' } });
  });
});
