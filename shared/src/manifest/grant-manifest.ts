import { problemOfDefinition, type KindDefinition } from '../chart/definitions.ts';
import { problemOfPermission } from '../chart/rights.ts';
import type { ReleasePermission } from '../release/release.ts';
import { withComment, type KubeManifest, type PolicyRule } from './kube-manifest.ts';
import {
  AGENT_SERVICE_ACCOUNT,
  agentNamespace,
  grantName,
  INSTALLATION_LABEL,
  ORGANIZATION_LABEL,
  reservedNamespace,
} from './names.ts';
import { forInstallation } from '../release/placeholder.ts';

export interface GrantInput {
  organization: string;
  installation: string;
  service: string;
  namespace: string;
  /** Helm's name of it, where it is not the installation's. */
  releaseName?: string;
  /** Of the signed release. */
  permissions: readonly ReleasePermission[];
  /** Kinds of the service's own. */
  definitions?: readonly KindDefinition[] | undefined;
}

/**
 * What the customer applies to let the agent run one installation: its namespace, exactly the rights that the signed release
 * asks for there, and the kinds of its own that it brings.
 * What no agent may have is left out, and said so: the agent refuses such a release too.
 * @throws Error for a namespace that no service may have, and for a kind that no vendor may define
 */
export function grantManifest(input: GrantInput): KubeManifest[] {
  const { organization, installation, service, namespace, definitions = [] } = input;
  const reserved = reservedNamespace(namespace);
  if (reserved !== undefined) throw new Error(`${service} cannot be granted rights in ${namespace}: ${reserved}`);
  const foreign = definitions.map(problemOfDefinition).find((problem) => problem !== undefined);
  if (foreign !== undefined) throw new Error(`${service} cannot be granted: ${foreign}`);
  const labels = { [ORGANIZATION_LABEL]: organization, [INSTALLATION_LABEL]: installation };
  const name = grantName(organization);
  const given = input.permissions.filter((permission) => problemOfPermission(permission) === undefined);
  const withheld = input.permissions
    .flatMap((permission) => problemOfPermission(permission) ?? [])
    .map((problem) => `Left out, though the release asks for it: ${problem}.`);
  return [
    ...definitions.map((definition) => withComment(structuredClone(definition), definitionComment(service))),
    withComment(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
      `The service ${service} of ${organization} as "${installation}": a namespace for it and nothing else. Who may create pods in a\nnamespace can use all its Secrets and service accounts, so keep other things out of it.`,
    ),
    withComment(
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name, namespace, labels },
        rules: given.map((permission) => ruleOf(permission, input.releaseName ?? installation)),
      },
      ['What the agent may do in this namespace, as the signed release asks for it.', ...withheld].join('\n'),
    ),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name, namespace, labels },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: AGENT_SERVICE_ACCOUNT, namespace: agentNamespace(organization) }],
    },
  ];
}

function definitionComment(service: string): string {
  return `A kind of ${service}'s own, for the whole cluster. Removing it removes every object of that kind, so nothing here ever does.`;
}

function ruleOf(permission: ReleasePermission, releaseName: string): PolicyRule {
  const names = permission.names?.map((name) => forInstallation(name, releaseName));
  return withComment(
    {
      apiGroups: [permission.apiGroup],
      resources: [permission.resource],
      verbs: [...permission.verbs],
      ...(names && { resourceNames: names }),
    },
    permission.reason,
  );
}
