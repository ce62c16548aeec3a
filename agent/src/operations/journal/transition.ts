import { canMove, isFinal, type OperationFailure, type OperationPhase, type OperationState } from '@steward/shared';
import type { ResultRecord } from '../../link/link.ts';
import type { OperationRecord, OperationStatus, Transition } from './operation-object.ts';

/** What the next transition is to say. */
export interface Move {
  state: OperationState;
  phase: OperationPhase;
  message: string;
  reason?: OperationFailure;
  progress?: { done: number; total: number };
  /** Tell the plan with it. */
  tellsPlan?: boolean;
  /** Written in the same step. */
  also?: Partial<OperationStatus>;
}

/** An operation keeps this many of its transitions. */
export const MAX_TRANSITIONS = 60;
const MAX_MESSAGE = 4_000;

/** The end of one of which it is not known how far it came. */
export const NOT_KNOWN: Move = {
  state: 'failed',
  phase: 'done',
  reason: 'lost-track',
  message:
    'it was restored from a backup without its status, so whether it was carried out is not known, and it is not begun again: look at what runs, then push again',
};

/** Thrown for a move that the table of states forbids: a fault of ours, never of the outside. */
export class IllegalMoveError extends Error {
  override readonly name = 'IllegalMoveError';
}

/** The status after a move. Pure. @throws IllegalMoveError */
export function statusAfter(status: OperationStatus, move: Move, at: Date): OperationStatus {
  if (!canMove(status.state, move.state) || (isFinal(status.state) && status.revision > 0))
    throw new IllegalMoveError(`an operation that is ${status.state} cannot become ${move.state}`);
  const revision = status.revision + 1;
  const message = move.message.slice(0, MAX_MESSAGE);
  const planDigest = move.also?.plan?.digest ?? status.planDigest;
  const transition: Transition = {
    revision,
    state: move.state,
    phase: move.phase,
    message,
    ...(move.reason !== undefined && { reason: move.reason }),
    ...(move.progress && { progress: move.progress }),
    ...(move.tellsPlan === true && planDigest !== undefined && { planDigest }),
    at: at.toISOString(),
  };
  const { reason: _, ...kept } = status;
  return {
    ...kept,
    ...move.also,
    revision,
    state: move.state,
    phase: move.phase,
    message,
    ...(move.reason !== undefined && { reason: move.reason }),
    ...(planDigest !== undefined && { planDigest }),
    ...(isFinal(move.state) && { finishedAt: at.toISOString() }),
    transitions: trimmed([...status.transitions, transition], status.ackedRevision),
  };
}

/** Leaves out progress that the hub has first, then other progress, then what is oldest; never the newest. */
function trimmed(transitions: Transition[], ackedRevision: number): Transition[] {
  const kept = [...transitions];
  const drop = (isLess: (transition: Transition) => boolean): void => {
    while (kept.length > MAX_TRANSITIONS) {
      const index = kept.slice(0, -1).findIndex(isLess);
      if (index === -1) return;
      kept.splice(index, 1);
    }
  };
  drop((transition) => transition.progress !== undefined && transition.revision <= ackedRevision);
  drop((transition) => transition.progress !== undefined);
  drop(() => true);
  return kept;
}

/** A transition as the hub is told. The plan goes with those that were about this very plan, spans with the last one. */
export function resultOf({ spec, status }: OperationRecord, transition: Transition): ResultRecord {
  const isLast = transition.revision === status.revision;
  const { plan, spans } = status;
  return {
    operationId: spec.id,
    installationId: spec.desired.installationId,
    revision: transition.revision,
    state: transition.state,
    phase: transition.phase,
    message: transition.message,
    ...(transition.reason !== undefined && { reason: transition.reason }),
    ...(plan && transition.planDigest === plan.digest && { plan }),
    ...(transition.progress && { progress: transition.progress }),
    ...(isLast && isFinal(transition.state) && spans && spans.length > 0 && { spans: spans.slice(-50) }),
    at: transition.at,
  };
}

/** Only what differs: transitions and plan are the bulk of it. The first one is whole: nothing is stored before it. */
export function patchOf(before: OperationStatus, next: OperationStatus): Record<string, unknown> {
  if (before.revision === 0) return { ...next };
  const patch: Record<string, unknown> = {};
  const keys = new Set([...Object.keys(before), ...Object.keys(next)]) as Set<keyof OperationStatus>;
  for (const key of keys) if (before[key] !== next[key]) patch[key] = next[key] ?? null;
  patch['ackedRevision'] = next.ackedRevision;
  return patch;
}

/** For the log. */
export function summaryOf({ spec, status }: OperationRecord): Record<string, unknown> {
  const { startedAt, finishedAt, state, reason, message } = status;
  return {
    operation: spec.id,
    installation: spec.installation,
    kind: spec.kind,
    generation: spec.generation,
    state,
    reason,
    said: message,
    durationMs: startedAt && finishedAt ? Date.parse(finishedAt) - Date.parse(startedAt) : undefined,
  };
}
