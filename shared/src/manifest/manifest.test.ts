import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { agentManifest, type AgentManifestInput } from './agent-manifest.ts';
import type { KindDefinition } from '../chart/definitions.ts';
import { grantManifest } from './grant-manifest.ts';
import type { KubeManifest, PolicyRule } from './kube-manifest.ts';
import { manifestYaml } from './manifest-yaml.ts';

const grant = {
  installation: 'orders',
  service: 'nats',
  namespace: 'orders-ns',
  permissions: [
    {
      apiGroup: 'apps',
      apiVersion: 'v1',
      kind: 'StatefulSet',
      resource: 'statefulsets',
      verbs: ['get' as const],
      reason: 'runs the servers',
    },
    {
      apiGroup: '',
      apiVersion: 'v1',
      kind: 'Secret',
      resource: 'secrets',
      verbs: ['get' as const],
      names: ['${installation}-auth'],
      reason: 'keeps the password',
    },
  ],
};
const input: AgentManifestInput = {
  organization: 'acme',
  hubUrl: 'https://hub.example:8443',
  hubCaPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  releaseKeys: [{ fingerprint: `sha256:${'0'.repeat(64)}`, publicKey: `${'A'.repeat(43)}=` }],
  enrolmentToken: 'a-token-that-is-long-enough',
  image: 'registry.example/agent:1',
  grants: [grant],
};

function rulesOf(objects: KubeManifest[]): PolicyRule[] {
  return objects.filter(({ kind }) => kind === 'Role').flatMap((role) => role['rules'] as PolicyRule[]);
}

describe('the install manifest', () => {
  const objects = agentManifest(input);

  it('reads back from its YAML as it was made', () => {
    const documents = parseAllDocuments(manifestYaml(objects));
    expect(documents.flatMap((document) => document.errors ?? [])).toEqual([]);
    expect(documents.map((document) => document.toJS() as unknown)).toEqual(objects);
  });

  it('says the reason of every right beside it', () => {
    const yaml = manifestYaml(objects);
    expect(yaml).toContain('  # keeps the password\n  - apiGroups: [""]\n');
    const roles = objects.filter(({ kind }) => kind === 'Role');
    const comments = manifestYaml(roles).match(/^ {2}# /gm) ?? [];
    expect(comments).toHaveLength(rulesOf(roles).length);
  });

  it('holds no wildcard, no cluster-wide right and no right to list Secrets or start pods in its own namespace', () => {
    expect(objects.map(({ kind }) => kind).filter((kind) => kind.startsWith('Cluster'))).toEqual([]);
    for (const rule of rulesOf(objects))
      expect([...rule.apiGroups, ...rule.resources, ...rule.verbs].join(' ')).not.toContain('*');
    const own = rulesOf(objects.filter(({ metadata }) => metadata.namespace === 'steward-acme'));
    const onSecrets = own.filter(({ resources }) => resources.includes('secrets')).flatMap(({ verbs }) => verbs);
    expect(onSecrets.toSorted()).toEqual(['create', 'delete', 'get', 'patch']);
    expect(own.some(({ resources }) => resources.some((name) => /pods|deployments|jobs/.test(name)))).toBe(false);
  });

  it('lets the agent read policies and approvals and never write them', () => {
    const verbs = rulesOf(objects)
      .filter(({ resources }) => resources.some((name) => /supportpolicies|operationapprovals/.test(name)))
      .flatMap((rule) => rule.verbs);
    expect(verbs.toSorted()).toEqual(['get', 'list', 'watch']);
  });

  it('replaces the pod when its settings or token change, and only then', () => {
    const digest = (changed: Partial<AgentManifestInput>): string =>
      JSON.stringify(agentManifest({ ...input, ...changed }).find(({ kind }) => kind === 'Deployment'));
    expect(digest({})).toBe(digest({ grants: [] }));
    expect(digest({})).not.toBe(digest({ enrolmentToken: 'another-token-long-enough' }));
    expect(digest({})).not.toBe(digest({ hubUrl: 'https://elsewhere.example' }));
  });

  it('has no identity and, without a token, no Secret at all', () => {
    const { enrolmentToken: _, ...withoutToken } = input;
    expect(agentManifest(withoutToken).some(({ kind }) => kind === 'Secret')).toBe(false);
  });
});

describe('a grant', () => {
  it('is the namespace, the exact rights of the release with the installation’s own names, and their binding', () => {
    const [namespace, role, binding] = grantManifest({ organization: 'acme', ...grant });
    expect(namespace?.metadata).toEqual({
      name: 'orders-ns',
      labels: { 'steward.dev/organization': 'acme', 'steward.dev/installation': 'orders' },
    });
    expect(role?.['rules']).toEqual([
      { apiGroups: ['apps'], resources: ['statefulsets'], verbs: ['get'] },
      { apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: ['orders-auth'] },
    ]);
    expect(binding).toMatchObject({
      metadata: { name: 'steward-agent-acme', namespace: 'orders-ns' },
      subjects: [{ kind: 'ServiceAccount', name: 'steward-agent', namespace: 'steward-acme' }],
    });
  });
});

it('a grant leaves out what no agent may have, and says so', () => {
  const permission = (apiGroup: string, resource: string, verbs: string[], names?: string[]): object => ({
    apiGroup,
    apiVersion: 'v1',
    kind: 'X',
    resource,
    verbs,
    ...(names && { names }),
    reason: 'r',
  });
  const rbac = 'rbac.authorization.k8s.io';
  const permissions = [
    permission('', 'secrets', ['get', 'list']),
    permission('', 'secrets', ['get'], []),
    permission('', 'configmaps', ['get'], []),
    permission(rbac, 'roles', ['get', 'create', 'patch', 'delete']),
    permission(rbac, 'roles', ['update'], ['a']),
    permission(rbac, 'clusterroles', ['get'], ['a']),
    permission('', 'secrets', ['create']),
    permission('', 'secrets', ['get'], ['a']),
    permission(rbac, 'rolebindings', ['get', 'create', 'patch', 'delete'], ['a']),
  ] as never;
  const input = { organization: 'acme', installation: 'a', service: 'a', namespace: 'a', permissions };
  const role = grantManifest(input).find(({ kind }) => kind === 'Role');
  expect(role?.['rules']).toEqual([
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: ['a'] },
    {
      apiGroups: [rbac],
      resources: ['rolebindings'],
      verbs: ['get', 'create', 'patch', 'delete'],
      resourceNames: ['a'],
    },
  ]);
  const text = manifestYaml(grantManifest(input));
  expect(text).toContain('# Left out, though the release asks for it: get, list of every Secret in the namespace');
  expect(text.match(/Left out/g)).toHaveLength(6);
});

it('a grant brings the kinds of the service first, and none that are not its own', () => {
  const input = { organization: 'acme', installation: 'a', service: 'a', namespace: 'a', permissions: [] };
  const kind = (name: string): KindDefinition => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
  });
  const definitions = [kind('gadgets.example.com')];
  expect(grantManifest({ ...input, definitions }).map((object) => object.kind)).toEqual([
    'CustomResourceDefinition',
    'Namespace',
    'Role',
    'RoleBinding',
  ]);
  for (const name of ['supportpolicies.steward.dev', 'x.apps.k8s.io'])
    expect(() => grantManifest({ ...input, definitions: [kind(name)] })).toThrow(/not a vendor's to define/);
});

it.each(['default', 'kube-system', 'kube-other', 'steward-acme', 'steward-other'])(
  'gives no rights in the namespace %s',
  (namespace) => {
    const input = { organization: 'acme', installation: 'shop', service: 'shop', namespace, permissions: [] };
    expect(() => grantManifest(input)).toThrow(/cannot be granted rights/);
    expect(grantManifest({ ...input, namespace: 'acme-shop' })).toHaveLength(3);
  },
);
