import * as Type from 'typebox';
import type { Static } from 'typebox';
import { KeptGeneration, ServiceEndpoint } from '../frames/frames.ts';
import { HealthReason, HealthState, WorkloadHealth } from '../health.ts';
import { IfUnderWay, OperationKind, OperationPhase, OperationPlan, OperationState } from '../operation.ts';
import { Namespace } from '../namespace.ts';
import { Digest, ReleaseName, Slug } from '../release/release.ts';
import { RunState } from '../run-state.ts';
import { Version } from './catalog.ts';
import { PageQuery } from './people.ts';
import { mapOf } from '../schema-map.ts';

const Uuid = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });

/** What the latest good change brought. */
export const InEffect = Type.Object({ version: Version, parameters: mapOf(Type.Unknown()) });
export type InEffect = Static<typeof InEffect>;

export const Installation = Type.Object({
  id: Uuid,
  name: Slug,
  cluster: Slug,
  customer: Slug,
  service: Slug,
  namespace: Namespace,
  /** Helm's name of it, where it is not the installation's. */
  releaseName: Type.Optional(ReleaseName),
  createdAt: Time,
  /** What is wanted. */
  generation: Type.Integer(),
  version: Version,
  parameters: mapOf(Type.Unknown()),
  action: Type.Unsafe<'run' | 'remove'>({ type: 'string', enum: ['run', 'remove'] }),
  /** How it is wanted to run: stopped, scaled, restarted. Absent: as its release says. */
  runState: Type.Optional(RunState),
  /** What the agent says is there. `runningVersion` is true also after a roll back. */
  observedGeneration: Type.Integer(),
  runningVersion: Type.Optional(Version),
  /** What runs, when the change to what is wanted came to nothing: the next change goes on from it. */
  inEffect: Type.Optional(InEffect),
  /** To which generations it can be rolled back, newest first. */
  kept: Type.Optional(Type.Array(KeptGeneration)),
  /** At which Services of its namespace, and ports, programs in the cluster reach it. */
  endpoints: Type.Optional(Type.Array(ServiceEndpoint)),
  state: Type.Unsafe<'pending' | 'running' | 'rolled-back' | 'failed' | 'removed'>({
    type: 'string',
    enum: ['pending', 'running', 'rolled-back', 'failed', 'removed'],
  }),
  message: Type.Optional(Type.String()),
  health: HealthState,
  reasons: Type.Array(HealthReason),
  workloads: Type.Array(WorkloadHealth),
  healthSince: Type.Optional(Time),
  /** True when the agent has not been heard for a while: health is then the last known. */
  isStale: Type.Boolean(),
  currentOperation: Type.Optional(Uuid),
});
export type Installation = Static<typeof Installation>;
const AcceptDifferences = Type.Optional(Type.Boolean());

/**
 * `version` or `channel`; without either the channel `stable`. The namespace defaults to the name. `adopt`: take over the Helm
 * release of that name (default: the installation's) that runs in the namespace, instead of installing.
 */
export const CreateInstallation = Type.Object(
  {
    name: Slug,
    cluster: Slug,
    customer: Type.Optional(Slug),
    service: Slug,
    namespace: Type.Optional(Namespace),
    version: Type.Optional(Version),
    channel: Type.Optional(Slug),
    parameters: Type.Optional(mapOf(Type.Unknown())),
    adopt: Type.Optional(
      Type.Object(
        { releaseName: Type.Optional(ReleaseName), acceptDifferences: AcceptDifferences },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export type CreateInstallation = Static<typeof CreateInstallation>;
/** `grantCommand` is the one line with which the customer gives this installation its rights. */
export const CreatedInstallation = Type.Object({
  installation: Installation,
  operation: Type.Object({ id: Uuid }),
  grantCommand: Type.String(),
});
export type CreatedInstallation = Static<typeof CreatedInstallation>;

/** Without `ifUnderWay`, an operation that has changed something already goes on. */
export const CancelOperation = Type.Object({ ifUnderWay: Type.Optional(IfUnderWay) }, { additionalProperties: false });
export type CancelOperation = Static<typeof CancelOperation>;

export const OperationTransition = Type.Object({
  revision: Type.Integer(),
  state: OperationState,
  phase: OperationPhase,
  message: Type.String(),
  at: Time,
  progress: Type.Optional(Type.Object({ done: Type.Integer(), total: Type.Integer() })),
});
export type OperationTransition = Static<typeof OperationTransition>;
export const Operation = Type.Object({
  id: Uuid,
  installationId: Uuid,
  installation: Slug,
  cluster: Slug,
  customer: Slug,
  kind: OperationKind,
  generation: Type.Integer(),
  version: Version,
  releaseDigest: Digest,
  state: OperationState,
  phase: OperationPhase,
  message: Type.String(),
  reasonCode: Type.Optional(Type.String()),
  requestedBy: Type.String(),
  requestReason: Type.Optional(Type.String()),
  createdAt: Time,
  startedAt: Type.Optional(Time),
  finishedAt: Type.Optional(Time),
  notAfter: Time,
  traceId: Type.Optional(Type.String()),
});
export type Operation = Static<typeof Operation>;
export const OperationDetails = Type.Object({
  ...Operation.properties,
  plan: Type.Optional(OperationPlan),
  transitions: Type.Array(OperationTransition),
});
export type OperationDetails = Static<typeof OperationDetails>;

/** The line with which the customer gives one installation the rights its wanted release needs. */
export const CreatedGrant = Type.Object({ command: Type.String(), expiresAt: Time });
export type CreatedGrant = Static<typeof CreatedGrant>;

/** Something that happened to an installation, as its agent told. `gap`: the agent lost `lost` events before this one. */
export const InstallationEvent = Type.Object({
  id: Uuid,
  installationId: Uuid,
  kind: Type.String(),
  message: Type.String(),
  from: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
  lost: Type.Optional(Type.Integer()),
  at: Time,
});
export type InstallationEvent = Static<typeof InstallationEvent>;

/** A record of an agent's stream that the hub could not take: it was set aside and acked, so that the ones behind it go on. */
export const RejectedRecord = Type.Object({
  id: Uuid,
  createdAt: Time,
  stream: Type.String(),
  sequence: Type.Integer(),
  type: Type.String(),
  problem: Type.String(),
  /** The beginning of its JSON. */
  body: Type.String(),
});
export type RejectedRecord = Static<typeof RejectedRecord>;

export const ClusterQuery = Type.Object({
  ...PageQuery.properties,
  name: Type.Optional(Slug),
  customer: Type.Optional(Slug),
});
export type ClusterQuery = Static<typeof ClusterQuery>;
/** Removed installations are left out unless asked for. */
export const InstallationQuery = Type.Object({
  ...PageQuery.properties,
  name: Type.Optional(Slug),
  cluster: Type.Optional(Slug),
  customer: Type.Optional(Slug),
  service: Type.Optional(Slug),
  removed: Type.Optional(Type.Boolean()),
});
export type InstallationQuery = Static<typeof InstallationQuery>;
export const OperationQuery = Type.Object({
  ...PageQuery.properties,
  installation: Type.Optional(Uuid),
  cluster: Type.Optional(Slug),
  customer: Type.Optional(Slug),
  state: Type.Optional(OperationState),
  /** Only those that have not ended. */
  unfinished: Type.Optional(Type.Boolean()),
});
export type OperationQuery = Static<typeof OperationQuery>;
