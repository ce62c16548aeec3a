import * as Type from 'typebox';
import type { Static } from 'typebox';
import {
  compile,
  DesiredFrame,
  HOOK_EVENTS,
  IfUnderWay,
  isFinal,
  OperationKind,
  OperationPhase,
  OperationPlan,
  OperationSpan,
  OperationState,
  type Decoded,
  type HookEvent,
  type OperationFailure,
} from '@steward/shared';

import { ImageSource } from '../installation/image-source.ts';
import { HistoryEntry } from '../installation/installation-object.ts';

const Time = Type.String({ format: 'date-time' });

/** One step in the life of an operation, as it was or will be told to the hub. */
export const Transition = Type.Object({
  revision: Type.Integer({ minimum: 1 }),
  state: OperationState,
  phase: OperationPhase,
  message: Type.String(),
  reason: Type.Optional(Type.String()),
  progress: Type.Optional(Type.Object({ done: Type.Integer(), total: Type.Integer() })),
  /** Set where the plan of that digest is to be told with it. */
  planDigest: Type.Optional(Type.String()),
  at: Time,
});
export type Transition = Static<typeof Transition>;

export const Approval = Type.Object({
  name: Type.String(),
  uid: Type.String(),
  approver: Type.String(),
  planDigest: Type.String(),
  at: Time,
});
export type Approval = Static<typeof Approval>;

/** Why an operation is on its way back, and to what. */
export const WayBack = Type.Object({
  // Not by the list of them: their advice for people would be in the agent, and a word of a newer agent unreadable.
  reason: Type.Unsafe<OperationFailure>({ type: 'string', maxLength: 64 }),
  message: Type.String(),
  generation: Type.Integer(),
  /** That generation as the installation held it: somebody may delete that. Absent where an older agent went back. */
  good: Type.Optional(HistoryEntry),
  deadlineAt: Time,
  /** Since when it has been refused for want of rights, the first time. */
  rightsMissingSince: Type.Optional(Time),
});
export type WayBack = Static<typeof WayBack>;

/**
 * How far a hook of this operation is. `started` is written before it is made, `made` after that, so that one that is gone
 * in between is not made twice.
 */
export const HookRecord = Type.Object({
  event: Type.Unsafe<HookEvent>({ type: 'string', enum: [...HOOK_EVENTS] }),
  /** As the chart names it: `Job/shop-migrate`. */
  hook: Type.String(),
  /** Of the object that was made. */
  name: Type.String(),
  uid: Type.Optional(Type.String()),
  state: Type.Unsafe<'started' | 'made' | 'succeeded' | 'failed'>({
    type: 'string',
    enum: ['started', 'made', 'succeeded', 'failed'],
  }),
  at: Time,
  /** Why it failed. */
  message: Type.Optional(Type.String()),
  /** Set where it was ended since somebody cancelled the operation under way: another life of the agent ends it as that. */
  cancelled: Type.Optional(Type.Object({ ifUnderWay: IfUnderWay, requestedBy: Type.String() })),
  /** It ran before the operation went back, so it is none of those of the way back. Not set where an older agent went back. */
  isBeforeWayBack: Type.Optional(Type.Boolean()),
});
export type HookRecord = Static<typeof HookRecord>;

export const OperationStatus = Type.Object({
  revision: Type.Integer({ minimum: 0 }),
  ackedRevision: Type.Integer({ minimum: 0 }),
  state: OperationState,
  phase: OperationPhase,
  message: Type.String(),
  reason: Type.Optional(Type.String()),
  plan: Type.Optional(OperationPlan),
  planDigest: Type.Optional(Type.String()),
  /** What the plan that it began with deletes, in full: see plan/reach.ts. Absent before, and where an older agent began it. */
  reach: Type.Optional(Type.Array(Type.String())),
  approval: Type.Optional(Approval),
  /** Uids of approvals that were used: none counts twice. */
  usedApprovals: Type.Optional(Type.Array(Type.String())),
  /** The stored set of this generation, see render-store.ts. */
  renderRef: Type.Optional(Type.String()),
  /** How often it was rendered after a restart: an agent that dies of rendering does not do so for ever. */
  renderAttempts: Type.Optional(Type.Integer()),
  /** From where its images come; absent: from where the release says. */
  images: Type.Optional(ImageSource),
  hooks: Type.Optional(Type.Array(HookRecord)),
  wayBack: Type.Optional(WayBack),
  /** What was found in the namespace that is not this installation's: for the customer, and never told to the hub. */
  others: Type.Optional(Type.Array(Type.String())),
  startedAt: Type.Optional(Time),
  deadlineAt: Type.Optional(Time),
  finishedAt: Type.Optional(Time),
  transitions: Type.Array(Transition),
  /** The life of an agent that wrote this: tells an answer that was lost from another agent. */
  writer: Type.Optional(Type.String()),
  spans: Type.Optional(Type.Array(OperationSpan)),
});
export type OperationStatus = Static<typeof OperationStatus>;

export const OperationSpec = Type.Object({
  id: Type.String({ format: 'uuid' }),
  installation: Type.String(),
  kind: OperationKind,
  generation: Type.Integer(),
  desired: DesiredFrame,
  traceparent: Type.Optional(Type.String()),
  /** The uid of the agent's namespace it was written in: another one was restored from a backup. Absent where an older agent wrote it. */
  home: Type.Optional(Type.String()),
  /** By the API server's clock, as the object's own creationTimestamp: one that was made much later was restored. Absent likewise. */
  writtenAt: Type.Optional(Time),
  /** Ids of removed installations whose name it takes, while the Installation object that knows them is made anew. */
  formerIds: Type.Optional(Type.Array(Type.String())),
});
export type OperationSpec = Static<typeof OperationSpec>;

const OperationObject = Type.Object({
  metadata: Type.Object({
    name: Type.String(),
    uid: Type.String(),
    resourceVersion: Type.String(),
    creationTimestamp: Type.Optional(Type.String()),
  }),
  spec: OperationSpec,
  status: Type.Optional(OperationStatus),
});

/** An operation as the journal holds it: what was asked, and how far it is. */
export interface OperationRecord {
  name: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp?: string;
  spec: OperationSpec;
  /** As its transitions tell it. */
  status: OperationStatus;
  /** As the object has it, where somebody changed that beside them: until the next write. */
  altered?: OperationStatus;
}

const decode = compile(OperationObject);

/** Before the first transition is written there is no status: the operation was journalled and nothing else. */
export const FIRST_STATUS: OperationStatus = {
  revision: 0,
  ackedRevision: 0,
  state: 'queued',
  phase: 'verify',
  message: '',
  transitions: [],
};

export function decodeOperation(object: unknown): Decoded<OperationRecord> {
  const decoded = decode(object);
  if (!decoded.ok) return decoded;
  const { metadata, spec, status: found = structuredClone(FIRST_STATUS) } = decoded.value;
  const status = asTold(found);
  if (!status) return { ok: false, error: 'its transitions are gone' };
  return { ok: true, value: { ...metadata, spec, status, ...(status !== found && { altered: found }) } };
}

/**
 * The status as its last transition tells it: that is the journal. State, phase and words beside it are for kubectl, and are never
 * written without it, so somebody else wrote what differs. The same object when nothing does; undefined without any transition.
 */
function asTold(found: OperationStatus): OperationStatus | undefined {
  const last = found.transitions.at(-1);
  if (!last) return found.revision === 0 && found.state === FIRST_STATUS.state ? found : undefined;
  const { revision, state, phase, message, reason, at } = last;
  if (found.revision === revision && found.state === state && found.phase === phase) return found;
  const { reason: _, finishedAt: __, ...kept } = found;
  return {
    ...kept,
    revision,
    ackedRevision: Math.min(found.ackedRevision, revision),
    state,
    phase,
    message,
    ...(reason !== undefined && { reason }),
    ...(isFinal(state) && { finishedAt: at }),
  };
}

export function operationName(id: string): string {
  return `op-${id}`;
}
