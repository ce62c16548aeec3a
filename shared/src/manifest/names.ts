/**
 * Names of what Steward puts into a customer's cluster. They carry the organization, so that agents of two vendors live
 * side by side.
 */
export const AGENT_SERVICE_ACCOUNT = 'steward-agent';
export const AGENT_CONFIG_MAP = 'steward-agent';
export const AGENT_DEPLOYMENT = 'steward-agent';
export const AGENT_LEASE = 'steward-agent';
export const ENROLMENT_SECRET = 'steward-enrolment';
export const IDENTITY_SECRET = 'steward-agent-identity';
/** The one `Agent` object. */
export const AGENT_OBJECT = 'steward';

export const ORGANIZATION_LABEL = 'steward.dev/organization';
export const INSTALLATION_LABEL = 'steward.dev/installation';
/** On what a chart's hook made: its name in the chart. */
export const HOOK_LABEL = 'steward.dev/hook';
/** On a Job or pod that a hook made: the id of the operation that it ran for. */
export const OPERATION_LABEL = 'steward.dev/operation';

/** On the agent's settings and what is applied with them: fingerprints of the vendor's release keys, with spaces. */
export const VENDOR_KEYS_ANNOTATION = 'steward.dev/vendor-keys';

/** On an object of a service, or on its Installation: what others change of it is not put right. */
export const PAUSED_ANNOTATION = 'steward.dev/paused';

const OF_THE_CLUSTER: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease']);

/**
 * Why no service may be installed into a namespace, so that nobody is asked to grant rights there; undefined when one may.
 * Namespaces of agents begin with `steward-`: whoever may write in one owns what that agent believes.
 */
export function reservedNamespace(namespace: string): string | undefined {
  if (OF_THE_CLUSTER.has(namespace) || namespace.startsWith('kube-')) return 'it belongs to the cluster itself';
  return namespace.startsWith(AGENT_NAMESPACE_PREFIX)
    ? 'names that begin with steward- are those of agents'
    : undefined;
}

const AGENT_NAMESPACE_PREFIX = 'steward-';

/** The agent's own namespace. */
export function agentNamespace(organization: string): string {
  return `${AGENT_NAMESPACE_PREFIX}${organization}`;
}

/** Field manager of what the agent applies. */
export function fieldManagerOf(organization: string): string {
  return `steward-${organization}`;
}

/** Role and RoleBinding of an agent outside its own namespace. */
export function grantName(organization: string): string {
  return `steward-agent-${organization}`;
}

/** The ValidatingAdmissionPolicy for approvals in one vendor's namespace, and its binding: no vendor's manifest touches another's. */
export function approvalPolicyName(organization: string): string {
  return `steward-approvals-${organization}`;
}

/** The ValidatingAdmissionPolicy that keeps others out of a vendor's namespaces, and its binding. */
export function namespacePolicyName(organization: string): string {
  return `steward-namespaces-${organization}`;
}

/** The ValidatingAdmissionPolicy for words of the customer's rules that the agent does not know, and its binding. */
export function wordsPolicyName(organization: string): string {
  return `steward-words-${organization}`;
}

/** The ValidatingAdmissionPolicy that keeps another vendor of the same name from writing over an agent, and its binding. */
export function vendorPolicyName(organization: string): string {
  return `steward-vendor-${organization}`;
}
