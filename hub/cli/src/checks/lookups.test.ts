import { describe, expect, it } from 'vitest';
import type { RenderRequest } from '../render/helm.ts';
import { inspect, map } from '../testing/inspected-chart.ts';

describe('a chart that looks things up', () => {
  it('asks for the rights to what templates look up, and tells of it', async () => {
    const lookups = ['a', 'qx7inst-auth', ''].map((name) => ({
      apiVersion: 'v1',
      kind: name === 'qx7inst-auth' ? 'Secret' : 'Endpoints',
      namespace: 'qx7space',
      name,
    }));
    const { inspection, findings } = await inspect(() => map, {}, { lookups });
    expect(findings.items.map(({ severity, message }) => `${severity} ${message}`)).toEqual([
      expect.stringContaining('note looks up Endpoints/a:'),
      expect.stringContaining('note looks up Secret/${installation}-auth:'),
      expect.stringContaining('note looks up all of Endpoints:'),
    ]);
    expect(inspection.permissions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'Endpoints', resource: 'endpoints', verbs: ['get', 'list'] }),
        expect.objectContaining({ kind: 'Secret', verbs: ['get'], names: ['${installation}-auth'] }),
      ]),
    );
  });

  it.each([
    ['another namespace', { namespace: 'other' }],
    ['the whole cluster', { namespace: '', kind: 'Node' }],
    ['a kind of the whole cluster', { kind: 'Namespace' }],
    ['roles of the cluster', { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' }],
    ['all Secrets', { name: '' }],
  ])('refuses a look-up of %s', async (_what, other) => {
    const lookup = { apiVersion: 'v1', kind: 'Secret', namespace: 'qx7space', name: 'a', ...other };
    const { findings, inspection } = await inspect(() => map, {}, { lookups: [lookup] });
    expect(findings.items).toMatchObject([{ severity: 'error', code: 'lookup' }]);
    expect(inspection.permissions.map(({ reason }) => reason).join()).not.toContain('look up');
  });

  it('lets a chart make something once that it looks up, when it is kept', async () => {
    const lookup = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'qx7space', name: 'once' };
    const once = (policy: string): string =>
      map.replace('{ name: settings }', `{ name: once, annotations: { helm.sh/resource-policy: ${policy} } }`);
    const render =
      (policy: string) =>
      ({ find }: RenderRequest): string =>
        find?.(lookup) ? map : map + once(policy);
    expect((await inspect(render('keep'), {}, { lookups: [lookup] })).codes).toEqual(['lookup']);
    expect((await inspect(render('none'), {}, { lookups: [lookup] })).codes).toContain('unstable');
  });

  it('lets look-ups find what the first render made', async () => {
    const found: unknown[] = [];
    await inspect(({ find }) => {
      const lookup = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'qx7space', name: 'settings' };
      found.push(find?.(lookup), find?.({ ...lookup, name: '' }), find?.({ ...lookup, namespace: 'other' }));
      return map;
    });
    const settings = expect.objectContaining({ kind: 'ConfigMap' });
    expect(found.slice(0, 6)).toEqual([
      undefined,
      expect.objectContaining({ items: [] }),
      undefined,
      settings,
      expect.objectContaining({ kind: 'ConfigMapList', items: [settings] }),
      undefined,
    ]);
  });
});
