import { API_GROUP } from '@steward/shared';
import type { ResourceRef } from '../kube/client.ts';

function ref(kind: string, plural: string): ResourceRef {
  return { group: API_GROUP, version: 'v1alpha1', kind, plural, namespaced: true };
}

/** Steward's own kinds, which need no discovery. */
export const AGENT = ref('Agent', 'agents');
export const OPERATION = ref('Operation', 'operations');
export const INSTALLATION = ref('Installation', 'installations');
export const SUPPORT_POLICY = ref('SupportPolicy', 'supportpolicies');
export const IMAGE_SOURCE = ref('ImageSource', 'imagesources');
export const OPERATION_APPROVAL = ref('OperationApproval', 'operationapprovals');
export const NAMESPACE: ResourceRef = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};
export const SECRET: ResourceRef = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
