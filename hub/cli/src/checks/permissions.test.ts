import type { RenderedObject } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { kindOf } from './kinds.ts';
import { permissionsOf, withPlaceholder } from './permissions.ts';

function object(apiVersion: string, kind: string, name: string, rest: Record<string, unknown> = {}): RenderedObject {
  return { apiVersion, kind, metadata: { name }, ...rest };
}

const web = object('apps/v1', 'Deployment', 'qx-web');

describe('rights', () => {
  it('name each kind with what the agent does to it, and a reason', () => {
    const [first] = permissionsOf([{ releaseName: 'qx', objects: [web] }]).filter(({ kind }) => kind === 'Deployment');
    expect(first).toEqual({
      apiGroup: 'apps',
      apiVersion: 'v1',
      kind: 'Deployment',
      resource: 'deployments',
      verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
      reason: 'to install, upgrade and remove the service, in pods',
    });
  });

  it("hold Secrets by exact name, from every variant, with the installation's name open, and never list them", () => {
    const renders = [
      { releaseName: 'qx', objects: [object('v1', 'Secret', 'qx-auth')] },
      { releaseName: 'qx', objects: [object('v1', 'Secret', 'qx-auth'), object('v1', 'Secret', 'license')] },
      { releaseName: 'web-qx', objects: [object('v1', 'Secret', 'web-qx')] },
    ];
    const secrets = permissionsOf(renders).filter(({ kind }) => kind === 'Secret');
    expect(secrets).toMatchObject([
      { verbs: ['get', 'create', 'patch', 'delete'], names: ['${installation}-auth', 'license', '${installation}'] },
    ]);
  });

  it('let the agent see pods and volumes, and addresses where there are services', () => {
    const seen = (objects: RenderedObject[]): string[] =>
      permissionsOf([{ releaseName: 'qx', objects }])
        .filter(({ verbs }) => verbs.join() === 'get,list,watch')
        .map(({ resource }) => resource);
    expect(seen([object('v1', 'ConfigMap', 'qx')])).toEqual(['pods', 'persistentvolumeclaims']);
    expect(seen([web])).toEqual(['pods', 'persistentvolumeclaims', 'events', 'replicasets']);
    expect(seen([object('v1', 'Service', 'qx')])).toContain('endpointslices');
    expect(seen([object('batch/v1', 'CronJob', 'qx')])).toContain('jobs');
  });

  it('to delete and enlarge volumes are asked for only where there are some', () => {
    const changes = (spec: Record<string, unknown>): string[] =>
      permissionsOf([{ releaseName: 'qx', objects: [object('apps/v1', 'StatefulSet', 'qx', { spec })] }])
        .filter(({ kind, verbs }) => kind === 'PersistentVolumeClaim' && !verbs.includes('get'))
        .flatMap(({ verbs }) => verbs);
    expect(changes({ volumeClaimTemplates: [{}] })).toEqual(['patch', 'delete']);
    expect(changes({})).toEqual([]);
  });

  it('to evict pods are asked for only where a controller leaves it to others to replace them', () => {
    const evictions = (updateStrategy: object): boolean =>
      permissionsOf([
        { releaseName: 'qx', objects: [object('apps/v1', 'DaemonSet', 'qx', { spec: { updateStrategy } })] },
      ]).some(({ resource, verbs }) => resource === 'pods/eviction' && verbs.join() === 'create');
    expect(evictions({ type: 'OnDelete' })).toBe(true);
    expect(evictions({ type: 'RollingUpdate' })).toBe(false);
  });

  it('hold what Roles of the chart give, and the Roles by name', () => {
    const rules = [
      { apiGroups: [''], resources: ['pods/log', 'secrets'], verbs: ['get'], resourceNames: ['qx-auth'] },
      { apiGroups: ['example.com'], resources: ['gadgets'], verbs: ['list'] },
    ];
    const role = object('rbac.authorization.k8s.io/v1', 'Role', 'qx-r', { rules });
    const permissions = permissionsOf([{ releaseName: 'qx', objects: [role] }]);
    const rows = permissions.map(({ apiGroup, kind, resource, verbs, names }) =>
      [apiGroup, kind, resource, verbs.join(), names?.join()].join(' '),
    );
    expect(rows).toEqual(
      expect.arrayContaining([
        'rbac.authorization.k8s.io Role roles get,create,patch,delete ${installation}-r',
        ' Pod pods/log get ${installation}-auth',
        ' Secret secrets get ${installation}-auth',
        'example.com Gadgets gadgets list ',
      ]),
    );
  });

  it('never hold a wildcard, nor anything for what the customer applies', () => {
    const objects = [object('rbac.authorization.k8s.io/v1', 'ClusterRole', 'r'), object('v1', 'Namespace', 'n'), web];
    const permissions = permissionsOf([{ releaseName: 'qx', objects }]);
    expect(JSON.stringify(permissions)).not.toContain('*');
    expect(permissions.map(({ kind }) => kind)).not.toContain('ClusterRole');
    expect(permissions.map(({ kind }) => kind)).not.toContain('Namespace');
  });
});

it.each([
  ['v1', 'ConfigMap', 'namespaced'],
  ['networking.k8s.io/v1', 'Ingress', 'namespaced'],
  ['v1', 'PersistentVolume', 'cluster'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'cluster'],
  ['rbac.authorization.k8s.io/v1', 'RoleBinding', 'namespaced'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'rbac'],
  ['monitoring.coreos.com/v1', 'ServiceMonitor', 'custom'],
  ['example.com/v1', 'Node', 'custom'],
])('takes %s %s as %s', (apiVersion, kind, type) => {
  expect(kindOf(object(apiVersion, kind, 'x')).type).toBe(type);
});

it.each([
  ['ServiceMonitor', 'servicemonitors'],
  ['Proxy', 'proxies'],
  ['Ingress', 'ingresses'],
])('guesses the resource of a custom kind as Kubernetes does: %s', (kind, resource) => {
  expect(kindOf(object('example.com/v1', kind, 'x'))).toMatchObject({ known: { resource } });
});

it('replaces the name of the render by the placeholder', () => {
  expect(withPlaceholder('qx-web-qx', 'qx')).toBe('${installation}-web-${installation}');
});
