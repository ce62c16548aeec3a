import { POLICY_CLASSES } from '../operation.ts';
import {
  age,
  anything,
  choice,
  column,
  crd,
  fixed,
  installationName,
  integer,
  kept,
  open,
  record,
  text,
  time,
  word,
  type Schema,
} from './crd-schema.ts';
import type { KubeManifest } from './kube-manifest.ts';

const agent = crd({
  kind: 'Agent',
  plural: 'agents',
  description: 'The agent itself: whether it is connected to its hub, and if not, why and what to do.',
  status: open(
    {
      connected: { type: 'boolean' },
      hub: text(300),
      message: text(2000, 'one sentence: since when it is connected, or why it is not and what to do'),
      clusterName: text(40, "the cluster's name on the hub"),
      version: text(40),
      kubernetesVersion: text(40),
      clockSkewMs: { type: 'integer', description: "this machine's clock minus the hub's" },
      lastConnectedAt: time(),
      problems: {
        type: 'array',
        maxItems: 20,
        description: 'what the agent cannot read of your rules, and what to do',
        items: text(1000),
      },
    },
    'written by the agent',
  ),
  columns: [
    column('Connected', '.status.connected', 'boolean'),
    column('Version', '.status.version'),
    column('Kubernetes', '.status.kubernetesVersion'),
    column('Hub', '.status.hub', 'string', 1),
    column('Skew ms', '.status.clockSkewMs', 'integer', 1),
    column('Last connected', '.status.lastConnectedAt', 'date'),
    column('Message', '.status.message'),
    column('Problems', '.status.problems[*]'),
  ],
});

const installation = crd({
  kind: 'Installation',
  plural: 'installations',
  description: "A service that runs in one namespace. The agent's journal; changing it changes nothing that runs.",
  spec: fixed(
    record({ id: text(36), service: text(40), namespace: text(63) }, ['id', 'service', 'namespace']),
    'the id, service and namespace of an installation',
  ),
  status: open(
    {
      generation: integer('the highest generation ever seen; the agent never goes below it'),
      observedGeneration: integer('the last generation that ended well'),
      state: word,
      version: text(100),
      releaseDigest: text(71),
      health: word,
      message: text(2000),
      history: { type: 'array', maxItems: 10, items: anything('a generation that ended well') },
      inventory: { type: 'array', maxItems: 2000, items: anything('an object that belongs to the installation') },
      desired: anything('the last accepted desired state'),
      drift: anything('what others changed of it, and what became of that'),
    },
    'written by the agent',
  ),
  columns: [
    column('Service', '.spec.service'),
    column('Namespace', '.spec.namespace', 'string', 1),
    column('Version', '.status.version'),
    column('State', '.status.state'),
    column('Health', '.status.health'),
    column('Drift', '.status.drift.state'),
    column('Generation', '.status.generation', 'integer', 1),
    column('Observed', '.status.observedGeneration', 'integer', 1),
    column('Message', '.status.message', 'string', 1),
    column('Drift message', '.status.drift.message', 'string', 1),
    age,
  ],
});

const operation = crd({
  kind: 'Operation',
  plural: 'operations',
  description: 'One thing done to an installation: what was asked, what it would change, what became of it.',
  spec: open(
    {
      id: text(36),
      installation: text(40),
      kind: word,
      generation: integer(),
      desired: anything('the desired state as the hub sent it'),
    },
    'what was asked',
  ),
  status: open(
    {
      revision: integer(),
      ackedRevision: integer('the last revision that the hub has'),
      state: word,
      phase: word,
      message: text(4000),
      reason: text(64),
      plan: anything('what it would change'),
      planDigest: text(71, 'what an OperationApproval must name'),
      approval: anything('how it was allowed'),
      renderRef: text(300),
      startedAt: time(),
      deadlineAt: time(),
      finishedAt: time(),
      transitions: { type: 'array', maxItems: 60, items: anything('a change of state or phase') },
      spans: { type: 'array', maxItems: 100, items: anything('a finished piece of work') },
    },
    'written by the agent',
  ),
  columns: [
    column('Installation', '.spec.installation'),
    column('Kind', '.spec.kind'),
    column('State', '.status.state'),
    column('Phase', '.status.phase'),
    column('Generation', '.spec.generation', 'integer', 1),
    column('Plan', '.status.planDigest', 'string', 1),
    age,
    column('Message', '.status.message'),
  ],
});

const installations: Schema = {
  type: 'array',
  description: 'names of the installations it is for; absent: all',
  minItems: 1,
  maxItems: 500,
  items: installationName,
};

const policyFields: Record<string, Schema> = {
  rules: {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    description:
      'by class of operation; one that is not named is as without a policy. Stopping, starting, resizing, autoscaling and schedules are of the class scale. repair: what others changed is put right (allow), or only told (ask, deny)',
    properties: Object.fromEntries(POLICY_CLASSES.map((name) => [name, choice(['allow', 'ask', 'deny'])])),
  },
  installations,
  freeze: { type: 'boolean', description: 'true: nothing changes, whatever the rules say' },
};

const supportPolicy = crd({
  kind: 'SupportPolicy',
  plural: 'supportpolicies',
  description:
    "The customer's rules. With several, the most restrictive counts; one that cannot be read denies every change. Without any: install and repair allow, upgrade, rollback, restart and scale ask, uninstall deny.",
  spec: kept(record(policyFields, ['rules'])),
  columns: [
    ...POLICY_CLASSES.map((name) =>
      column(
        name.replace(/^./, (c) => c.toUpperCase()),
        `.spec.rules.${name}`,
      ),
    ),
    column('Freeze', '.spec.freeze', 'boolean'),
    age,
  ],
});

const operationApproval = crd({
  kind: 'OperationApproval',
  plural: 'operationapprovals',
  description: 'A yes or no to one plan of one operation, by the person who creates it. Used once.',
  spec: fixed(
    record(
      {
        operation: text(63, 'name of the Operation'),
        operationUid: text(36, 'its metadata.uid'),
        planDigest: text(71, 'its status.planDigest: what exactly is approved'),
        decision: choice(['approve', 'reject']),
        approver: text(253, 'must be the user who creates this object; see `kubectl auth whoami`'),
        expiresAt: time('not used after this time'),
      },
      ['operation', 'operationUid', 'planDigest', 'decision', 'approver', 'expiresAt'],
    ),
    'an approval',
  ),
  columns: [
    column('Operation', '.spec.operation'),
    column('Decision', '.spec.decision'),
    column('Approver', '.spec.approver'),
    column('Expires', '.spec.expiresAt'),
    age,
  ],
});

const sourceFields: Record<string, Schema> = {
  mirrors: {
    type: 'array',
    maxItems: 50,
    description: 'the longest prefix that fits an image or a chart counts',
    items: record(
      {
        from: text(
          300,
          'what the image or chart is called in the release, without tag: docker.io, docker.io/library, quay.io/team',
        ),
        to: text(300, 'where this cluster gets it: registry.corp.example/docker'),
      },
      ['from', 'to'],
    ),
  },
  pullSecrets: {
    type: 'array',
    maxItems: 10,
    description:
      'names of Secrets of type kubernetes.io/dockerconfigjson, which you make in the namespace of each installation',
    items: text(253),
  },
  chartPullSecrets: {
    type: 'array',
    maxItems: 10,
    description:
      'names of Secrets of the same type in this namespace, with which the agent gets charts that lie in a registry; a key ca.crt in one is the authority of the registries that it names',
    items: text(253),
  },
  installations,
};

const imageSource = crd({
  kind: 'ImageSource',
  plural: 'imagesources',
  description:
    'From where this cluster gets the images and charts of services: a mirror for a registry, and the Secrets to log in with. The digest stays the one that the vendor signed. Counts from the next operation on; what runs stays as it is.',
  spec: kept(record(sourceFields)),
  columns: [
    column('From', '.spec.mirrors[*].from'),
    column('To', '.spec.mirrors[*].to'),
    column('Pull secrets', '.spec.pullSecrets[*]'),
    age,
  ],
});

/** The words that this agent knows in the `spec` of each kind that a customer writes rules in, by its plural. */
export const RULE_WORDS: Readonly<Record<string, readonly string[]>> = {
  supportpolicies: Object.keys(policyFields),
  imagesources: Object.keys(sourceFields),
};

/** The definitions of Steward's own objects. The same for every vendor: applying them twice is harmless. */
export function customResourceDefinitions(): KubeManifest[] {
  return structuredClone([agent, installation, operation, supportPolicy, operationApproval, imageSource]);
}
