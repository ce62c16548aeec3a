import { describe, expect, it } from 'vitest';
import type { Release, RenderedObject } from '@steward/shared';
import { checkSet, type Bounds } from './check-set.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const verbs: Release['permissions'][number]['verbs'] = ['get', 'create', 'patch', 'delete'];
const permission = (apiGroup: string, kind: string, more: object = {}): Release['permissions'][number] => ({
  apiGroup,
  apiVersion: 'v1',
  kind,
  resource: `${kind.toLowerCase()}s`,
  verbs,
  reason: 'r',
  ...more,
});
const bounds: Bounds = {
  release: {
    images: [{ reference: 'docker.io/library/nats:2.15', digest }],
    permissions: [
      permission('', 'ConfigMap'),
      permission('', 'Secret', { names: ['${installation}-auth'] }),
      permission('', 'Pod', { verbs: ['get', 'list', 'watch'] }),
      permission('apps', 'Deployment'),
      permission('rbac.authorization.k8s.io', 'Role'),
      permission('rbac.authorization.k8s.io', 'RoleBinding'),
    ],
    exceptions: {},
  },
  organization: 'acme',
  installation: 'shop',
  releaseName: 'shop',
  namespace: 'shop-ns',
};
const role = (kind: string, more: object): RenderedObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  metadata: { name: 'r' },
  ...more,
});
const map: RenderedObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };

function deployment(spec: Record<string, unknown>): RenderedObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { template: { spec } } };
}
const images = (...names: string[]): RenderedObject =>
  deployment({ containers: names.map((image, index) => ({ name: `c${index}`, image })) });

describe('a rendered set', () => {
  it('gets its namespace and the label of its installation', () => {
    const labelled = { ...map, metadata: { name: 'a', labels: { app: 'x' } } };
    expect(checkSet([labelled], bounds)).toEqual({
      ok: true,
      value: [
        {
          ...map,
          metadata: {
            name: 'a',
            namespace: 'shop-ns',
            labels: { app: 'x', 'steward.dev/installation': 'shop', 'steward.dev/organization': 'acme' },
          },
        },
      ],
    });
  });

  it.each([
    ['another namespace', { ...map, metadata: { name: 'a', namespace: 'other' } }, 'foreign-namespace'],
    ['a kind that is not permitted', { ...map, kind: 'Role' }, 'kind-not-permitted'],
    ["the customer's grant", role('Role', { metadata: { name: 'steward-agent-acme' } }), 'kind-not-permitted'],
    [
      'a Role over every Secret',
      role('Role', { rules: [{ resources: ['secrets'], verbs: ['list'] }] }),
      'kind-not-permitted',
    ],
    [
      'a Role that gives rights',
      role('Role', { rules: [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], verbs: ['create'] }] }),
      'kind-not-permitted',
    ],
    ['a Role of others', role('RoleBinding', { roleRef: { kind: 'Role', name: 'other' } }), 'kind-not-permitted'],
    ['a ClusterRole', role('RoleBinding', { roleRef: { kind: 'ClusterRole', name: 'r' } }), 'kind-not-permitted'],
    ['a kind of another group', { ...map, apiVersion: 'evil.example/v1' }, 'kind-not-permitted'],
    ['a kind that may only be looked at', { ...map, kind: 'Pod' }, 'kind-not-permitted'],
    ['a Secret of another name', { ...map, kind: 'Secret', metadata: { name: 'other' } }, 'kind-not-permitted'],
    ['a pod that reaches for its node', deployment({ hostNetwork: true }), 'forbidden-pod-setting'],
    ['an image that is not listed', images('nats:2.16'), 'image-not-signed'],
    ['an image of another host by tag', images('mirror.example/library/nats:2.15'), 'image-not-signed'],
    ['an image by another digest', images(`nats:2.15@sha256:${'b'.repeat(64)}`), 'image-not-signed'],
    ['a container without an image', deployment({ containers: [{ name: 'a' }] }), 'image-not-signed'],
    ['an init container', deployment({ initContainers: [{ name: 'a', image: 'evil:1' }] }), 'image-not-signed'],
    ['an image volume', deployment({ volumes: [{ name: 'v', image: { reference: 'evil:1' } }] }), 'image-not-signed'],
  ])('is refused: %s', (_what, object, reason) => {
    expect(checkSet([object], bounds)).toMatchObject({ ok: false, failure: { reason } });
  });

  it('is refused when it names an object twice', () => {
    expect(checkSet([map, map], bounds)).toMatchObject({ ok: false, failure: { reason: 'render-failed' } });
  });

  it('has a Secret by the name of its installation', () => {
    const secret = { ...map, kind: 'Secret', metadata: { name: 'shop-auth' } };
    expect(checkSet([secret], bounds)).toMatchObject({ ok: true });
  });

  it('has every image pinned; one with a signed digest may come from a mirror', () => {
    const mirrored = `mirror.example/nats:x@${digest}`;
    const checked = checkSet([images('nats:2.15', 'docker.io/library/nats:2.15', mirrored)], bounds);
    const pinned = `docker.io/library/nats:2.15@${digest}`;
    expect(JSON.stringify(checked)).toContain(
      JSON.stringify([pinned, pinned, mirrored].map((image, index) => ({ name: `c${index}`, image }))),
    );
  });
});
