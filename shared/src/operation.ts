import * as Type from 'typebox';
import type { Static } from 'typebox';
import { isRemedy, REMEDY_KINDS } from './run-state.ts';

function literals<const T extends readonly string[]>(values: T) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
}

/**
 * `adopt`: an install over what Helm has running already; `leave`: Steward lets go, and everything stays.
 */
export const OPERATION_KINDS = [
  'install',
  'adopt',
  'upgrade',
  'rollback',
  'uninstall',
  'leave',
  ...REMEDY_KINDS,
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];
export const OperationKind = literals(OPERATION_KINDS);

/** What becomes of an operation that is cancelled while it is under way. */
export const IF_UNDER_WAY = ['hold', 'roll-back'] as const;
export type IfUnderWay = (typeof IF_UNDER_WAY)[number];
export const IfUnderWay = literals(IF_UNDER_WAY);

/**
 * What a SupportPolicy has a rule for: stop, start, scale, resize, autoscale and schedule are one thing to the customer, how much of it runs; to adopt is to
 * install (with changes to upgrade too), and to leave ends an installation as an uninstall does; `repair` is what the agent does by itself.
 */
export const POLICY_CLASSES = ['install', 'upgrade', 'rollback', 'uninstall', 'restart', 'scale', 'repair'] as const;
export type PolicyClass = (typeof POLICY_CLASSES)[number];

export function policyClassOf(kind: OperationKind | 'repair'): PolicyClass {
  return CLASS_OF_KIND[kind] ?? (kind as PolicyClass);
}

const CLASS_OF_KIND: Partial<Record<OperationKind | 'repair', PolicyClass>> = {
  stop: 'scale',
  start: 'scale',
  resize: 'scale',
  autoscale: 'scale',
  schedule: 'scale',
  adopt: 'install',
  leave: 'uninstall',
};

/** `upgrade of nats to 2.15.2`, `adopt of nats as 2.14.0`, `stop of nats`. */
export function titleOfOperation(kind: OperationKind, installation: string, version: string): string {
  if (kind === 'adopt') return `adopt of ${installation} as ${version}`;
  const isOfVersion = kind !== 'uninstall' && kind !== 'leave' && !isRemedy(kind);
  return isOfVersion ? `${kind} of ${installation} to ${version}` : `${kind} of ${installation}`;
}

export const OPERATION_STATES = [
  'queued',
  'offered',
  'awaiting-approval',
  'accepted',
  'running',
  'succeeded',
  'failed',
  'rolled-back',
  'expired',
  'cancelled',
  'denied',
  'unknown',
] as const;
export type OperationState = (typeof OPERATION_STATES)[number];
export const OperationState = literals(OPERATION_STATES);

/** The phases of every kind of operation, in order; `roll-back` only on the way back, hooks only where the chart has some. */
export const OPERATION_PHASES = [
  'verify',
  'plan',
  'approve',
  'pre-hooks',
  'apply',
  'roll-out',
  'settle',
  'post-hooks',
  'roll-back',
  'done',
] as const;
export type OperationPhase = (typeof OPERATION_PHASES)[number];
export const OperationPhase = literals(OPERATION_PHASES);

/** Legal moves. A state without moves is final. */
export const OPERATION_MOVES: Readonly<Record<OperationState, readonly OperationState[]>> = {
  queued: ['offered', 'awaiting-approval', 'accepted', 'running', 'failed', 'expired', 'cancelled', 'denied'],
  offered: ['queued', 'awaiting-approval', 'accepted', 'running', 'failed', 'expired', 'cancelled', 'denied'],
  'awaiting-approval': ['accepted', 'running', 'failed', 'expired', 'cancelled', 'denied'],
  accepted: ['awaiting-approval', 'running', 'failed', 'expired', 'cancelled', 'denied'],
  running: ['succeeded', 'failed', 'rolled-back', 'cancelled', 'unknown'],
  succeeded: [],
  failed: [],
  'rolled-back': [],
  expired: [],
  cancelled: [],
  denied: [],
  unknown: ['succeeded', 'failed', 'rolled-back'],
};

export function isFinal(state: OperationState): boolean {
  return OPERATION_MOVES[state].length === 0;
}

/** Whether an operation may go from one state to the other; staying is always legal. */
export function canMove(from: OperationState, to: OperationState): boolean {
  return from === to || OPERATION_MOVES[from].includes(to);
}

/**
 * Why an operation did not go well: the `reason` of its last transition, and what a person does about it. The
 * transition's message says what happened in this very case.
 */
export const OPERATION_FAILURES = {
  'missing-rights': 'Apply the grant that was printed for this installation; the agent goes on by itself.',
  'bad-signature': 'Publish with a release key that the install manifest pins, or let the customer pin the new key.',
  'digest-mismatch': 'Publish the release again: what was downloaded is not what was signed.',
  'chart-unavailable':
    "Give the cluster access to the chart's registry (network, or mirrors and chartPullSecrets of an ImageSource), and see that the chart is there; then push it again.",
  'invalid-parameters': 'Set only parameters that the release allows, with values inside its schema.',
  'not-what-runs': 'Look at what runs now; if it is still wanted, push it again.',
  'only-at-install':
    'Leave it as it is here: set it to that where the version has another default. For another value, install a second one beside it and move what it holds.',
  'render-failed': 'Run `helm template` with the same parameters, correct the chart and publish a new release.',
  'render-timeout': 'Make the chart render faster: it is ended after half a minute.',
  'too-large': 'Split the service: the chart, its rendered objects or the memory to render them are over the limit.',
  'scratch-unwritable':
    "Let the customer make room on the node of the agent's pod, or delete the pod so that it gets another one; then push it again.",
  'foreign-namespace': 'Keep every object in the namespace of the installation.',
  'kind-not-permitted':
    'Publish the release again, so that it names what the message says, and let the customer grant it; or leave it out.',
  'image-not-signed': 'List every image by digest when publishing.',
  'forbidden-pod-setting': 'Remove the setting, or declare it as an exception in the release.',
  'counter-too-low': 'Publish again: a release older than one already used only runs as a rollback.',
  'expired-release': 'Publish a new release, or roll back to a version that ran here before.',
  'version-range': 'Upgrade the agent, the cluster or the service to a version that the release supports first.',
  'not-in-history': 'Roll back to one of the last good generations that the agent still keeps.',
  'denied-by-policy': "Ask the customer to change the SupportPolicy; it is the customer's.",
  frozen: 'Wait until the customer lifts the freeze; then push it again.',
  'approval-rejected': 'Ask the customer why, then push a new operation.',
  'plan-changed': 'Look at the new plan and approve that one; where the operation has ended, push it again.',
  'needs-replace': 'Leave the named fields as they were, or publish a release whose `upgrade.replace` names the kinds.',
  'api-unavailable':
    'Let whoever runs the cluster see to the API service or webhook that is named; the agent goes on by itself while it waits, else push again.',
  'apply-refused': 'Correct what the message names (quota, admission, immutable field), then push again.',
  conflict: 'Remove the other owner of the object or the other installation first.',
  'nothing-to-adopt': 'Name the Helm release and its namespace as `helm list -A` shows them, or install it anew.',
  differs: 'Adopt with the values that it runs with (`helm get values`), or accept that the named fields change.',
  'image-source-invalid': "Let the customer correct the ImageSource that is named; it is the customer's.",
  'image-pull-failed': 'Correct the image, or give the cluster access to its registry.',
  'crash-loop': 'Read the log of the pod that is named; correct the release or its parameters.',
  'config-error': 'Create the Secret or ConfigMap that the pod needs, or correct its name.',
  'pod-refused': 'Raise the quota or correct the pod, so that the cluster admits it.',
  'job-failed': 'Read the log of the failed Job, correct it and push again.',
  'objects-gone': 'Find out who removed it; apply the grant again if the namespace went too, then push again.',
  'hook-failed': 'Read the log of the pod that is named; correct the hook or what it needs, and push again.',
  'hook-lost': 'Find out whether the hook did its work, since it was removed while it ran; then push again.',
  'rollout-deadline': 'Look at what was not ready; raise the deadline of the release if it only needs longer.',
  'way-back-failed':
    'Correct what the message names first, then push a version that works; until then it is not certain what runs.',
  'unknown-workload': 'Name a Deployment or StatefulSet of the installation: `steward installation show` lists them.',
  'not-offered': 'Ask for what the release offers, inside its bounds: `steward release show` lists it.',
  'unknown-time-zone': 'Name a time zone of the IANA database that the agent knows, as Europe/Berlin or UTC.',
  autoscaled:
    'Change the bounds of the autoscaler instead, by what sets them: a knob, a parameter or `steward autoscale`.',
  'agent-too-old':
    'Make a new install line (`steward cluster enrol`) and let the customer apply it: it upgrades the agent. Then push it again.',
  superseded: 'Nothing: a newer generation took its place. After the hub was restored from a backup, push it again.',
  expired:
    'Push it again; it was not started in time. An install, whose name is taken: `steward upgrade NAME --channel …`.',
  cancelled: 'Nothing, unless the message says that something was applied and stays, or that a hook was ended.',
  'lost-track': 'Look into the cluster for what became of it, then push again.',
  internal: "Look into the agent's log; it is a fault of Steward.",
} as const satisfies Record<string, string>;
export type OperationFailure = keyof typeof OPERATION_FAILURES;

/** A finished piece of an operation's work on the agent, as an OpenTelemetry span without an SDK. Times are Unix milliseconds. */
export const OperationSpan = Type.Object({
  name: Type.String({ maxLength: 100 }),
  spanId: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  parentSpanId: Type.Optional(Type.String({ pattern: '^[0-9a-f]{16}$' })),
  startMs: Type.Number(),
  endMs: Type.Number(),
  error: Type.Optional(Type.String({ maxLength: 1000 })),
});
export type OperationSpan = Static<typeof OperationSpan>;

/** What an operation would change, as shown to an approver. `digest` is over the canonical JSON of `changes` and `summary`. */
export const OperationPlan = Type.Object({
  digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
  summary: Type.String({ maxLength: 2000 }),
  changes: Type.Array(
    Type.Object({
      action: literals(['create', 'update', 'delete', 'keep', 'replace'] as const),
      object: Type.String({ maxLength: 300 }),
      fields: Type.Optional(Type.Array(Type.String({ maxLength: 300 }), { maxItems: 20 })),
    }),
    { maxItems: 500 },
  ),
});
export type OperationPlan = Static<typeof OperationPlan>;
