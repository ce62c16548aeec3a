import * as Type from 'typebox';
import type { Static } from 'typebox';
import { InstallationHealth } from '../health.ts';
import { LIMITS } from '../limits.ts';
import {
  IfUnderWay,
  OperationKind,
  OperationPhase,
  OperationPlan,
  OperationSpan,
  OperationState,
} from '../operation.ts';
import { Digest, ReleaseName, Slug } from '../release/release.ts';
import { RunState } from '../run-state.ts';
import { METRICS_FEATURE, MetricsFrame } from './metrics-frame.ts';
import { mapOf } from '../schema-map.ts';

const Uuid = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const Generation = Type.Integer({ minimum: 0 });

/** In `features`: the agent carries out restart, stop, start and scale, and keeps `runState` over everything else. */
export const RUN_STATE_FEATURE = 'run-state';

/** In `features`: the agent carries out resize, and keeps `runState.resources`. */
export const RESIZE_FEATURE = 'resize';

/** In `features`: the agent carries out autoscale, and keeps `runState.autoscale`. */
export const AUTOSCALE_FEATURE = 'autoscale';

/** In `features`: the agent carries out schedule, and keeps `runState.schedule`. */
export const SCHEDULE_FEATURE = 'schedule';

/** In `features`: the agent takes over what Helm runs, knows a release name of its own, and lets go again. */
export const ADOPT_FEATURE = 'adopt';

/** In `features`: the agent gets a chart from the registry that its release names. */
export const CHART_REGISTRY_FEATURE = 'chart-registry';

/** In `features`: the agent stops an uninstall that is under way in its first hooks. */
export const CANCEL_UNINSTALL_FEATURE = 'cancel-uninstall';

/** What this version says in `features`. */
export const FEATURES: readonly string[] = [
  RUN_STATE_FEATURE,
  ADOPT_FEATURE,
  RESIZE_FEATURE,
  AUTOSCALE_FEATURE,
  SCHEDULE_FEATURE,
  METRICS_FEATURE,
  CHART_REGISTRY_FEATURE,
  CANCEL_UNINSTALL_FEATURE,
];

/** Agent → hub, first frame. 1–2 kB, no full state. */
export const Hello = Type.Object({
  agentVersion: Type.String({ maxLength: 40 }),
  features: Type.Array(Type.String({ maxLength: 40 }), { maxItems: 50 }),
  kubernetesVersion: Type.String({ maxLength: 40 }),
  clusterUid: Type.String({ maxLength: 64, description: 'uid of the kube-system namespace' }),
  /** New at each start of the agent's process; names its record streams. */
  incarnation: Uuid,
  /** Local time, for the hub's view of the skew. */
  clock: Time,
  /** The highest generation this agent has ever seen, per installation; the agent never goes below it. */
  installations: Type.Array(Type.Object({ id: Uuid, generation: Generation, observedGeneration: Generation }), {
    maxItems: LIMITS.maxNamedInHello,
  }),
  /** Operations that have no acked final result yet. What a hub ended itself and is not named did not arrive, unless it runs. */
  unfinishedOperations: Type.Array(Uuid, { maxItems: LIMITS.maxNamedInHello }),
});

/** Hub → agent, answers hello. `cursors` holds, per stream id, the last sequence the hub has committed. */
export const Welcome = Type.Object({
  epoch: Type.Integer({ minimum: 1 }),
  serverTime: Time,
  features: Type.Array(Type.String({ maxLength: 40 }), { maxItems: 50 }),
  cursors: mapOf(Type.Integer({ minimum: 0 })),
  heartbeatIntervalMs: Type.Integer({ minimum: 1000 }),
  clusterId: Uuid,
  organization: Slug,
});

/** Agent → hub. `hash` is over the canonical JSON of the full health and observed reports; the hub asks for the full ones when it differs. */
export const Heartbeat = Type.Object({
  revision: Type.Integer({ minimum: 0 }),
  hash: Type.String({ maxLength: 80 }),
  clock: Time,
});

/** Either way. Cumulative: everything of the stream up to and with this sequence is committed. */
export const Ack = Type.Object({ stream: Type.String({ maxLength: 100 }), upTo: Type.Integer({ minimum: 0 }) });

export const ErrorFrame = Type.Object({
  code: Type.String({ maxLength: 64 }),
  message: Type.String({ maxLength: 1000 }),
});

/** Hub → agent: reconnect after a delay drawn uniformly from the range. */
export const Goaway = Type.Object({
  reason: Type.String({ maxLength: 200 }),
  minDelayMs: Type.Integer({ minimum: 0 }),
  maxDelayMs: Type.Integer({ minimum: 0 }),
});

/** Hub → agent: send the full reports again. */
export const Resync = Type.Object({ reason: Type.String({ maxLength: 200 }) });

/** Agent → hub, latest wins. A full report replaces everything the hub knows of this cluster; otherwise keyed set and delete. */
export const HealthFrame = Type.Object({
  revision: Type.Integer({ minimum: 0 }),
  full: Type.Boolean(),
  set: mapOf(InstallationHealth, { propertyNames: Uuid }),
  delete: Type.Array(Uuid, { maxItems: 500 }),
  /** Of a full report in several frames, in the first: all that it is about. What is not in `set` comes with the next. */
  keep: Type.Optional(Type.Array(Uuid, { maxItems: 10_000 })),
});

/** A generation that the agent keeps and can go back to. */
export const KeptGeneration = Type.Object({
  generation: Type.Integer({ minimum: 1 }),
  version: Type.String({ maxLength: 100 }),
});
export type KeptGeneration = Static<typeof KeptGeneration>;

/** A port of a Service, in the installation's namespace. */
export const ServiceEndpoint = Type.Object({
  service: Type.String({ maxLength: 253 }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  name: Type.Optional(Type.String({ maxLength: 63 })),
  /** Absent: TCP. */
  protocol: Type.Optional(Type.String({ maxLength: 20 })),
  /** Of the Service; absent: ClusterIP. */
  type: Type.Optional(Type.String({ maxLength: 20 })),
});
export type ServiceEndpoint = Static<typeof ServiceEndpoint>;

/** What runs, per installation. `observedGeneration` is the last one that ended well; `runningDigest` the release whose objects are applied. */
export const ObservedInstallation = Type.Object({
  generation: Generation,
  observedGeneration: Generation,
  releaseDigest: Type.Optional(Digest),
  version: Type.Optional(Type.String({ maxLength: 100 })),
  state: Type.Unsafe<'pending' | 'running' | 'rolled-back' | 'failed' | 'removed'>({
    type: 'string',
    enum: ['pending', 'running', 'rolled-back', 'failed', 'removed'],
  }),
  message: Type.Optional(Type.String({ maxLength: 1000 })),
  /** Beside what runs, newest first; named by the generation that brought what it ran. */
  kept: Type.Optional(Type.Array(KeptGeneration, { maxItems: 20 })),
  endpoints: Type.Optional(Type.Array(ServiceEndpoint, { maxItems: 20 })),
});
export const ObservedFrame = Type.Object({
  revision: Type.Integer({ minimum: 0 }),
  full: Type.Boolean(),
  set: mapOf(ObservedInstallation, { propertyNames: Uuid }),
  delete: Type.Array(Uuid, { maxItems: 500 }),
});

/** Agent → hub, durable record: one transition of one operation. (operationId, revision) is unique; a final state comes last. */
export const ResultFrame = Type.Object({
  operationId: Uuid,
  installationId: Uuid,
  revision: Type.Integer({ minimum: 1 }),
  state: OperationState,
  phase: OperationPhase,
  message: Type.String({ maxLength: 4000 }),
  /** Machine-readable cause when it did not go well: see OPERATION_FAILURES in docs/protocol.md. */
  reason: Type.Optional(Type.String({ maxLength: 64 })),
  plan: Type.Optional(OperationPlan),
  progress: Type.Optional(Type.Object({ done: Type.Integer({ minimum: 0 }), total: Type.Integer({ minimum: 0 }) })),
  spans: Type.Optional(Type.Array(OperationSpan, { maxItems: 50 })),
  at: Time,
});

export const EVENT_KINDS = [
  'health.changed',
  'drift.found',
  'drift.repaired',
  'drift.contested',
  'schedule.stopped',
  'schedule.started',
  'gap',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/**
 * Agent → hub, buffered record: something that happened. Loss is visible as a gap in the sequence. A hub stores kinds that a newer
 * agent has as they are: the message says what happened.
 */
export const EventFrame = Type.Object({
  kind: Type.Unsafe<EventKind>({ type: 'string', maxLength: 40, pattern: '^[a-z]+(\\.[a-z-]+)*$' }),
  installationId: Type.Optional(Uuid),
  message: Type.String({ maxLength: 1000 }),
  from: Type.Optional(Type.String({ maxLength: 40 })),
  to: Type.Optional(Type.String({ maxLength: 40 })),
  lost: Type.Optional(Type.Integer({ minimum: 1 })),
  at: Time,
});

/**
 * Hub → agent, intent: what an installation should be. Re-offered at each welcome until observed. The agent
 * answers through `result` records of the operation named here.
 */
export const DesiredFrame = Type.Object({
  installationId: Uuid,
  name: Slug,
  namespace: Type.String({ maxLength: 63, pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$' }),
  service: Slug,
  generation: Type.Integer({ minimum: 1 }),
  action: Type.Unsafe<'run' | 'remove'>({ type: 'string', enum: ['run', 'remove'] }),
  /** Only with `remove`. */
  deleteVolumes: Type.Boolean(),
  release: Type.Object({ digest: Digest, version: Type.String({ maxLength: 100 }) }),
  parameters: mapOf(Type.Unknown()),
  /** Helm's name of it (`.Release.Name`), where it is not the installation's: of what was adopted. */
  releaseName: Type.Optional(ReleaseName),
  /** How it is to run. Absent: as it did, which is what a hub that does not know of it means. */
  runState: Type.Optional(RunState),
  operation: Type.Object({
    id: Uuid,
    kind: OperationKind,
    requestedBy: Type.String({ maxLength: 200 }),
    reason: Type.Optional(Type.String({ maxLength: 500 })),
    /** The agent refuses to start it after this time. */
    notAfter: Time,
    /** Only with kind `rollback`: the generation of this installation's own history that is to run again. */
    toGeneration: Type.Optional(Type.Integer({ minimum: 1 })),
    /** Only with `adopt`: what runs may change. */
    acceptDifferences: Type.Optional(Type.Boolean()),
    /** Only with `adopt`: what runs is this agent's own, and its records of it are gone. */
    recovers: Type.Optional(Type.Boolean()),
  }),
});
export type DesiredState = Static<typeof DesiredFrame>;

/** What `${installation}` of a signed release stands for, and charts know as `.Release.Name`. */
export function releaseNameOf({ name, releaseName }: Pick<DesiredState, 'name' | 'releaseName'>): string {
  return releaseName ?? name;
}

/** Hub → agent: stop before the first write, if that is still possible; after it only as `ifUnderWay` says. */
export const CancelFrame = Type.Object({
  operationId: Uuid,
  requestedBy: Type.String({ maxLength: 200 }),
  /** What becomes of an operation that is under way: `hold` leaves what was applied, `roll-back` goes back as after a failure. */
  ifUnderWay: Type.Optional(IfUnderWay),
});

/** Bodies by type, per direction: the direction is in the type. */
export const AGENT_FRAMES = {
  hello: Hello,
  heartbeat: Heartbeat,
  ack: Ack,
  error: ErrorFrame,
  health: HealthFrame,
  observed: ObservedFrame,
  result: ResultFrame,
  event: EventFrame,
  metrics: MetricsFrame,
} as const;

export const HUB_FRAMES = {
  welcome: Welcome,
  ack: Ack,
  error: ErrorFrame,
  goaway: Goaway,
  resync: Resync,
  desired: DesiredFrame,
  'operation.cancel': CancelFrame,
} as const;

interface Meta {
  /** stream id and sequence: records only */
  s?: string;
  q?: number;
  /** frame id, and the id this frame answers */
  id?: string;
  re?: string;
  /** W3C traceparent */
  tp?: string;
}

type FrameOf<M extends Record<string, Type.TSchema>> = {
  [K in keyof M & string]: Meta & { t: K; b: Static<M[K]> };
}[keyof M & string];
export type AgentFrame = FrameOf<typeof AGENT_FRAMES>;
export type HubFrame = FrameOf<typeof HUB_FRAMES>;
export type AgentFrameOf<K extends AgentFrame['t']> = Extract<AgentFrame, { t: K }>;
export type HubFrameOf<K extends HubFrame['t']> = Extract<HubFrame, { t: K }>;
