import { describe, expect, it } from 'vitest';
import type { RenderedObject } from './pod-specs.ts';
import { isOwnRole, problemOfBinding, rightsOfRole } from './roles.ts';

const rbac = (kind: string, more: object): RenderedObject => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind,
  metadata: { name: 'r' },
  ...more,
});

describe('a binding of a chart', () => {
  const roleRef = { kind: 'Role', name: 'own' };
  const own = { kind: 'ServiceAccount', name: 'web' };
  it.each([
    ['its own account', { roleRef, subjects: [own] }, undefined],
    ['its own account, with the namespace', { roleRef, subjects: [{ ...own, namespace: 'n' }] }, undefined],
    ['nobody', { roleRef }, undefined],
    ['an account of elsewhere', { roleRef, subjects: [own, { ...own, namespace: 'other' }] }, 'no service account of'],
    ['a person', { roleRef, subjects: [{ kind: 'User', name: 'eve' }] }, 'User/eve'],
    ['everybody', { roleRef, subjects: [{ kind: 'Group', name: 'system:authenticated' }] }, 'Group/system'],
    ['a Role of others', { roleRef: { kind: 'Role', name: 'other' }, subjects: [own] }, 'no Role of the chart'],
    ['a ClusterRole', { roleRef: { kind: 'ClusterRole', name: 'own' }, subjects: [own] }, 'ClusterRole/own'],
    ['nothing', {}, 'cannot be read'],
  ])('for %s', (_what, more, problem) => {
    const found = problemOfBinding(rbac('RoleBinding', more), { namespace: 'n', roles: new Set(['own']) });
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});

describe('a Role of a chart', () => {
  it('gives rights kind by kind', () => {
    const rules = [
      { apiGroups: ['', 'apps'], resources: ['pods/log', 'things'], verbs: ['get', 'update'], resourceNames: ['a'] },
      { resources: ['pods'], verbs: ['list'] },
    ];
    const verbs = ['get', 'update'];
    expect(rightsOfRole(rbac('Role', { rules }))).toEqual([
      { apiGroup: '', resource: 'pods/log', verbs, names: ['a'] },
      { apiGroup: '', resource: 'things', verbs, names: ['a'] },
      { apiGroup: 'apps', resource: 'pods/log', verbs, names: ['a'] },
      { apiGroup: 'apps', resource: 'things', verbs, names: ['a'] },
      { apiGroup: '', resource: 'pods', verbs: ['list'] },
    ]);
    expect(rightsOfRole(rbac('Role', {}))).toEqual([]);
    const secrets = [
      { resources: ['secrets'], verbs: ['create'] },
      { resources: ['secrets'], verbs: ['get', 'patch'], resourceNames: ['a'] },
    ];
    expect(rightsOfRole(rbac('Role', { rules: secrets }))).toHaveLength(2);
  });

  it.each([
    [{ apiGroups: ['*'], resources: ['pods'], verbs: ['get'] }, 'each kind has to be named'],
    [{ apiGroups: [''], resources: ['*'], verbs: ['get'] }, 'each kind has to be named'],
    [{ apiGroups: [''], resources: ['pods/*'], verbs: ['get'] }, 'each kind has to be named'],
    [{ resources: ['pods'], verbs: ['*'] }, '"*"'],
    [{ resources: ['roles'], verbs: ['get', 'escalate'] }, '"escalate"'],
    [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], verbs: ['create'] }, 'rights on roles'],
    [
      { apiGroups: ['rbac.authorization.k8s.io'], resources: ['rolebindings'], verbs: ['get'], resourceNames: ['a'] },
      'rights on rolebindings',
    ],
    [{ resources: ['secrets'], verbs: ['create', 'list'] }, 'list of every Secret'],
    [{ resources: ['secrets'], verbs: ['get'], resourceNames: [] }, 'get of every Secret'],
    [{ resources: ['configmaps', 'secrets'], verbs: ['patch'] }, 'patch of every Secret'],
    [{ resources: ['pods'] }, 'cannot be read'],
  ])('that gives %j cannot be signed', (rule, problem) => {
    expect(rightsOfRole(rbac('Role', { rules: [rule] }))).toContain(problem);
  });

  it('is told from one of the whole cluster, and from what only has its name', () => {
    expect(
      ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].filter((kind) => isOwnRole(rbac(kind, {}))),
    ).toEqual(['Role', 'RoleBinding']);
    expect(isOwnRole({ apiVersion: 'other.example/v1', kind: 'Role' })).toBe(false);
  });
});
