import type { ReleaseKey } from '../release/release.ts';
import { sha256 } from '../release/signing.ts';
import { PRODUCT_VERSION } from '../version.ts';
import { admissionPolicies } from './admission-policies.ts';
import { agentDeployment } from './agent-deployment.ts';
import { agentRoles } from './agent-roles.ts';
import { customResourceDefinitions } from './crds.ts';
import { grantManifest, type GrantInput } from './grant-manifest.ts';
import { withComment, type KubeManifest } from './kube-manifest.ts';
import {
  AGENT_CONFIG_MAP,
  AGENT_SERVICE_ACCOUNT,
  agentNamespace,
  ENROLMENT_SECRET,
  ORGANIZATION_LABEL,
  VENDOR_KEYS_ANNOTATION,
} from './names.ts';

export interface AgentManifestInput {
  /** Slug of the vendor. */
  organization: string;
  /** `https://hub.example:8443`, as the cluster reaches it. */
  hubUrl: string;
  /** The hub's own certificate authority, when it is not a public one. */
  hubCaPem?: string;
  /** The vendor's release keys that this cluster will trust, and no others. */
  releaseKeys: readonly ReleaseKey[];
  /** Absent: the manifest upgrades an agent that has its identity already. */
  enrolmentToken?: string;
  image: string;
  /** What this cluster has been granted before or is granted with it. */
  grants?: readonly Omit<GrantInput, 'organization'>[];
  proxy?: AgentProxy;
}

/** Proxy for the connection to the hub. The cluster's own API server is never reached through it. */
export interface AgentProxy {
  httpsProxy: string;
  noProxy?: string;
}

/**
 * Everything the agent needs in a cluster, in the order in which it is applied. Pure: the hub, the command line and the chart's
 * test make the same. Applying it again is harmless: the agent's identity is not in it.
 */
export function agentManifest(input: AgentManifestInput): KubeManifest[] {
  const { organization } = input;
  const namespace = agentNamespace(organization);
  const labels = { [ORGANIZATION_LABEL]: organization };
  const annotations = {
    [VENDOR_KEYS_ANNOTATION]: input.releaseKeys.map(({ fingerprint }) => fingerprint).join(' '),
  };
  const config = configOf(input);
  return [
    withComment(
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: namespace, labels: { ...labels, 'pod-security.kubernetes.io/enforce': 'restricted' } },
      },
      `Steward's agent ${PRODUCT_VERSION} for the vendor "${organization}". It dials ${input.hubUrl} and opens no port to the outside.\nEvery right it gets is in this file, each with its reason.`,
    ),
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: AGENT_SERVICE_ACCOUNT, namespace, labels },
    },
    ...agentRoles(organization),
    ...(input.grants ?? []).flatMap((grant) => grantManifest({ organization, ...grant })),
    withComment(
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: AGENT_CONFIG_MAP, namespace, labels, annotations },
        data: config,
      },
      "Where the hub is, and whose signature a release must carry. Compare the fingerprints with the vendor's contract.",
    ),
    ...enrolmentSecret(input, { namespace, labels, annotations }),
    ...admissionPolicies(organization),
    ...customResourceDefinitions(),
    agentDeployment({
      organization,
      image: input.image,
      annotations,
      configDigest: sha256(JSON.stringify([config, input.enrolmentToken ?? ''])),
      proxy: input.proxy,
    }),
  ];
}

function configOf(input: AgentManifestInput): Record<string, string> {
  return {
    organization: input.organization,
    'hub-url': input.hubUrl,
    'release-keys.json': `${JSON.stringify(
      input.releaseKeys.map(({ fingerprint, publicKey }) => ({ fingerprint, publicKey })),
      null,
      2,
    )}\n`,
    ...(input.hubCaPem !== undefined && { 'hub-ca.pem': input.hubCaPem }),
  };
}

function enrolmentSecret(
  input: AgentManifestInput,
  common: Pick<KubeManifest['metadata'], 'namespace' | 'labels' | 'annotations'>,
): KubeManifest[] {
  if (input.enrolmentToken === undefined) return [];
  return [
    withComment(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: ENROLMENT_SECRET, ...common },
        type: 'Opaque',
        stringData: { token: input.enrolmentToken },
      },
      'Good for one enrolment. The agent makes its own key and keeps it; this token is of no use afterwards.',
    ),
  ];
}
