import { API_GROUP } from '../version.ts';
import { withComment, type KubeManifest } from './kube-manifest.ts';
import { agentNamespace, approvalPolicyName, ORGANIZATION_LABEL } from './names.ts';

/**
 * Makes an approval worth something: the API server itself refuses one in another person's name, and any later change of it.
 * Cluster-scoped by its kind, but only for the namespace of this vendor's agent.
 */
export function approvalPolicy(organization: string): KubeManifest[] {
  const name = approvalPolicyName(organization);
  const labels = { [ORGANIZATION_LABEL]: organization };
  return [
    withComment(
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name, labels },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': agentNamespace(organization) } },
            resourceRules: [
              {
                apiGroups: [API_GROUP],
                apiVersions: ['*'],
                operations: ['CREATE', 'UPDATE'],
                resources: ['operationapprovals'],
              },
            ],
          },
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
        },
      },
      'Nobody approves in the name of somebody else, and no approval is changed later.',
    ),
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name, labels },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}
