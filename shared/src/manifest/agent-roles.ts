import { API_GROUP } from '../version.ts';
import { withComment, type KubeManifest, type PolicyRule } from './kube-manifest.ts';
import { AGENT_LEASE, AGENT_SERVICE_ACCOUNT, agentNamespace, grantName, ORGANIZATION_LABEL } from './names.ts';

/** The agent's rights that do not depend on any release: in its own namespace, and one name in kube-system. Nothing cluster-wide. */
export function agentRoles(organization: string): KubeManifest[] {
  const namespace = agentNamespace(organization);
  return [
    ...roleWithBinding({
      name: AGENT_SERVICE_ACCOUNT,
      namespace,
      organization,
      comment: "The agent's rights in its own namespace. It may start no pods here.",
      rules: ownRules(namespace),
    }),
    ...roleWithBinding({
      name: grantName(organization),
      namespace: 'kube-system',
      organization,
      comment:
        'Optional. The uid of kube-system tells this cluster from a copy of it; without this right it takes the uid of its own namespace.',
      rules: [rule('reads the uid of this one namespace object', '', 'namespaces', ['get'], ['kube-system'])],
    }),
  ];
}

function ownRules(namespace: string): PolicyRule[] {
  const all = ['get', 'list', 'watch', 'create', 'patch', 'update', 'delete'];
  const journals = ['agents', 'installations', 'operations'];
  return [
    rule('keeps its journal: what it is to do, did, and how it stands', API_GROUP, journals, all),
    rule(
      'writes the status of its journal',
      API_GROUP,
      journals.map((plural) => `${plural}/status`),
      ['get', 'patch', 'update'],
    ),
    rule(
      "reads the customer's rules, approvals and image sources; it can write none of them",
      API_GROUP,
      ['supportpolicies', 'operationapprovals', 'imagesources'],
      ['get', 'list', 'watch'],
    ),
    rule('keeps its own key and what it rendered, which may hold passwords; it cannot list Secrets', '', 'secrets', [
      'get',
      'create',
      'patch',
      'delete',
    ]),
    rule(
      'takes turns with another replica of itself',
      'coordination.k8s.io',
      'leases',
      ['get', 'update', 'patch'],
      [AGENT_LEASE],
    ),
    rule('makes that lease the first time (a create cannot be bound to a name)', 'coordination.k8s.io', 'leases', [
      'create',
    ]),
    rule('reads the uid of its own namespace', '', 'namespaces', ['get'], [namespace]),
  ];
}

function rule(
  reason: string,
  apiGroup: string,
  resources: string | string[],
  verbs: string[],
  resourceNames?: string[],
): PolicyRule {
  return withComment(
    {
      apiGroups: [apiGroup],
      resources: typeof resources === 'string' ? [resources] : resources,
      verbs,
      ...(resourceNames && { resourceNames }),
    },
    reason,
  );
}

function roleWithBinding(input: {
  name: string;
  namespace: string;
  organization: string;
  comment: string;
  rules: PolicyRule[];
}): KubeManifest[] {
  const { name, namespace, organization, comment, rules } = input;
  const metadata = { name, namespace, labels: { [ORGANIZATION_LABEL]: organization } };
  return [
    withComment({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules }, comment),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: structuredClone(metadata),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: AGENT_SERVICE_ACCOUNT, namespace: agentNamespace(organization) }],
    },
  ];
}
