import { POLICY_CLASSES } from '../operation.ts';
import { API_GROUP } from '../version.ts';
import { RULE_WORDS } from './crds.ts';
import { withComment, type KubeManifest } from './kube-manifest.ts';
import {
  AGENT_CONFIG_MAP,
  AGENT_DEPLOYMENT,
  agentNamespace,
  approvalPolicyName,
  ENROLMENT_SECRET,
  INSTALLATION_LABEL,
  namespacePolicyName,
  ORGANIZATION_LABEL,
  VENDOR_KEYS_ANNOTATION,
  vendorPolicyName,
  wordsPolicyName,
} from './names.ts';

/** The rules that the API server itself keeps for a vendor's agent. Cluster-scoped by their kind, and for that vendor's things only. */
export function admissionPolicies(organization: string): KubeManifest[] {
  return [
    ...approvalPolicy(organization),
    ...wordsPolicy(organization),
    ...namespacePolicy(organization),
    ...vendorPolicy(organization),
  ];
}

/** Making or changing Steward's own objects of these kinds in the agent's namespace. */
function writingOf(resources: string[], organization: string): object {
  return {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': agentNamespace(organization) } },
    resourceRules: [{ apiGroups: [API_GROUP], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources }],
  };
}

/** Makes an approval worth something: nobody writes one in another person's name, and nobody changes it later. */
function approvalPolicy(organization: string): KubeManifest[] {
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: writingOf(['operationapprovals'], organization),
    validations: [
      {
        expression: "request.operation != 'CREATE' || object.spec.approver == request.userInfo.username",
        messageExpression:
          "'spec.approver must be you, \"' + request.userInfo.username + '\", not \"' + object.spec.approver + '\"'",
        reason: 'Forbidden',
      },
      {
        expression: "request.operation != 'UPDATE' || object.spec == oldObject.spec",
        message: 'an approval cannot be changed: create another one',
        reason: 'Forbidden',
      },
    ],
  };
  const comment = 'Nobody approves in the name of somebody else, and no approval is changed later.';
  return withBinding(organization, { name: approvalPolicyName(organization), spec, comment });
}

/**
 * Tells at once, to whatever writes it, that a word of a rule is not known. The agent refuses to work with such a rule, so one that comes
 * past this is told later, and never taken for less than it says.
 */
function wordsPolicy(organization: string): KubeManifest[] {
  const unknown = (place: string, words: readonly string[]): string =>
    `${place}.filter(word, !(word in ${JSON.stringify(words)}))`;
  const validation = (condition: string, place: string, words: readonly string[]): object => ({
    expression: `!(${condition}) || size(${unknown(place, words)}) == 0`,
    messageExpression: `'${place.replace('object.', '')} has the word "' + ${unknown(place, words)}[0] + '", which this agent does not know: it knows ${words.join(', ')}'`,
    reason: 'Invalid',
  });
  const ofKind = (plural: string): string => `request.resource.resource == '${plural}' && has(object.spec)`;
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: writingOf(Object.keys(RULE_WORDS), organization),
    validations: [
      ...Object.entries(RULE_WORDS).map(([plural, words]) => validation(ofKind(plural), 'object.spec', words)),
      validation(`${ofKind('supportpolicies')} && has(object.spec.rules)`, 'object.spec.rules', POLICY_CLASSES),
    ],
  };
  const comment = 'No rule is taken that has a word in it which the agent does not know.';
  return withBinding(organization, { name: wordsPolicyName(organization), spec, comment });
}

/**
 * Keeps the grant of another vendor, or of another hub of the same name, out of this one's namespaces: whose a namespace is stands on its
 * label, and whoever applies a grant for it would write over that. It looks at nothing that bears no such label, and is let go of where
 * it could not be evaluated: a fault of it must not hold up the cluster.
 */
function namespacePolicy(organization: string): KubeManifest[] {
  const isNamespace = "request.resource.resource == 'namespaces'";
  const before = (label: string, absent: string): string => {
    const labelOf = (object: string): string => `${object}.metadata.?labels[?'${label}'].orValue('${absent}')`;
    return `${isNamespace} ? ${labelOf('oldObject')} : ${labelOf('namespaceObject')}`;
  };
  const spec = {
    failurePolicy: 'Ignore',
    matchConstraints: {
      objectSelector: { matchExpressions: [{ key: ORGANIZATION_LABEL, operator: 'Exists' }] },
      resourceRules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['namespaces'] },
        {
          apiGroups: ['rbac.authorization.k8s.io'],
          apiVersions: ['v1'],
          operations: ['CREATE', 'UPDATE'],
          resources: ['roles', 'rolebindings'],
        },
      ],
    },
    variables: [
      { name: 'owner', expression: before(ORGANIZATION_LABEL, '') },
      { name: 'installation', expression: before(INSTALLATION_LABEL, 'the agent') },
      { name: 'place', expression: `${isNamespace} ? object.metadata.name : request.namespace` },
    ],
    validations: [
      {
        expression: `variables.owner != '${organization}' || object.metadata.?labels[?'${ORGANIZATION_LABEL}'].orValue('${organization}') == '${organization}'`,
        messageExpression: `'the namespace ' + variables.place + ' belongs to ' + variables.installation + ' of ${organization}: choose another one. If nothing of it runs there any more: kubectl label namespace ' + variables.place + ' ${ORGANIZATION_LABEL}-'`,
        reason: 'Forbidden',
      },
    ],
  };
  const comment = `No other vendor gets rights in a namespace of ${organization}'s, or writes over whose it is.`;
  return withBinding(organization, { name: namespacePolicyName(organization), spec, comment });
}

/**
 * A name is not a vendor: another one may have the same, or be on another hub. Whose line it is shows in the release keys that it brings,
 * of which a vendor that changes them keeps one. Without this the second line would take the first one's agent over, with all it runs.
 */
function vendorPolicy(organization: string): KubeManifest[] {
  const keysOf = (object: string): string =>
    `${object}.metadata.?annotations[?'${VENDOR_KEYS_ANNOTATION}'].orValue('')`;
  const rule = (apiGroup: string, resource: string, name: string): object => ({
    apiGroups: [apiGroup],
    apiVersions: ['v1'],
    operations: ['UPDATE'],
    resources: [resource],
    resourceNames: [name],
  });
  const spec = {
    failurePolicy: 'Ignore',
    matchConstraints: {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': agentNamespace(organization) } },
      resourceRules: [
        rule('', 'configmaps', AGENT_CONFIG_MAP),
        rule('', 'secrets', ENROLMENT_SECRET),
        rule('apps', 'deployments', AGENT_DEPLOYMENT),
      ],
    },
    validations: [
      {
        expression: `${keysOf('oldObject')} == '' || ${keysOf('oldObject')}.split(' ').exists(key, key in ${keysOf('object')}.split(' '))`,
        message: `this agent belongs to another vendor that is called ${organization} too: none of its release keys are in this line. To replace it, take it out first: kubectl delete namespace ${agentNamespace(organization)}`,
        reason: 'Forbidden',
      },
    ],
  };
  const comment = 'No other vendor of the same name writes over this agent.';
  return withBinding(organization, { name: vendorPolicyName(organization), spec, comment });
}

function withBinding(
  organization: string,
  { name, spec, comment }: { name: string; spec: object; comment: string },
): KubeManifest[] {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = { name, labels: { [ORGANIZATION_LABEL]: organization } };
  return [
    withComment({ apiVersion, kind: 'ValidatingAdmissionPolicy', metadata, spec }, comment),
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: structuredClone(metadata),
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}
