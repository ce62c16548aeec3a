/** A right on one kind of object, as a release signs it or a Role of its chart gives it. */
export interface Right {
  apiGroup: string;
  resource: string;
  verbs: readonly string[];
  names?: readonly string[] | undefined;
}

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** All that gives a Secret's content back; a patch does too. Making one under a new name does not. */
const READS_SECRETS: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'patch', 'update', 'delete']);
/** What the agent needs for Roles of a chart, each by its name. */
const OWN_ROLES: ReadonlySet<string> = new Set(['roles', 'rolebindings']);
const OWN_ROLE_VERBS: ReadonlySet<string> = new Set(['get', 'create', 'patch', 'delete']);

/** Why no Role of a chart may give this, in half a sentence; undefined when it may. */
export function problemOfGivenRight(right: Right): string | undefined {
  if (right.apiGroup === RBAC_GROUP) return `rights on ${right.resource}: who may change rights could take any`;
  return problemOfSecrets(right);
}

/**
 * Why no agent may have this right, in half a sentence; undefined when it may. The vendor signed it and the customer would
 * grant it: both may have overlooked it.
 */
export function problemOfPermission(right: Right): string | undefined {
  const { apiGroup, resource, verbs, names } = right;
  // RBAC takes no names for every name.
  if (names?.length === 0) return `${verbs.join(', ')} of ${resource} under no name at all, which means under any`;
  if (apiGroup !== RBAC_GROUP) return problemOfSecrets(right);
  const isOwn = names && OWN_ROLES.has(resource) && verbs.every((verb) => OWN_ROLE_VERBS.has(verb));
  return isOwn
    ? undefined
    : `${verbs.join(', ')} of ${resource}: Roles and RoleBindings only by name, and nothing more`;
}

function problemOfSecrets({ apiGroup, resource, verbs, names }: Right): string | undefined {
  if (apiGroup !== '' || resource.split('/', 1)[0] !== 'secrets' || (names && names.length > 0)) return undefined;
  const reads = verbs.filter((verb) => READS_SECRETS.has(verb));
  return reads.length === 0 ? undefined : `${reads.join(', ')} of every Secret in the namespace, also of neighbours`;
}
