import type { DesiredState, IfUnderWay, OperationPhase, OperationState } from '@steward/shared';
import type { Failure } from '../../outcome.ts';
import { endKindOf } from '../../run-state/classes.ts';

/** Why an operation ends before it has changed anything. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  readonly state: Extract<OperationState, 'cancelled' | 'expired' | 'failed'>;
  readonly failure: Failure;

  constructor(state: Interruption['state'], failure: Failure) {
    super(failure.message);
    this.state = state;
    this.failure = failure;
  }
}

/** Ends an operation that is under way, in the way that was asked for. */
export class Halt extends Error {
  override readonly name = 'Halt';
  readonly ifUnderWay: IfUnderWay;
  readonly requestedBy: string;

  constructor(ifUnderWay: IfUnderWay, requestedBy: string) {
    super(`cancelled by ${requestedBy} while it was under way`);
    this.ifUnderWay = ifUnderWay;
    this.requestedBy = requestedBy;
  }
}

/** Ends a run that waits, so that its schedule can be kept; the operation goes on after that. */
export class Pause extends Error {
  override readonly name = 'Pause';
}

export function superseded(generation: number): Interruption {
  const message = `generation ${generation} took its place before it changed anything`;
  return new Interruption('cancelled', { reason: 'superseded', message });
}

/** It came in while that was under way; after it the service is made again only as an installation of its own. */
export function removedBy(generation: number): Interruption {
  const message = `generation ${generation} removed the installation before this began, so nothing was made. If it is wanted again, install it anew`;
  return new Interruption('failed', { reason: 'conflict', message });
}

/** Whether no order ends one that is under way in this phase: what is removed or let go of is so for good. */
export function isForGood(desired: DesiredState, phase: OperationPhase): boolean {
  return endKindOf(desired) !== undefined && !isBeforeRemoval(desired, phase);
}

/** Whether only the hooks before an uninstall have begun: all runs as it did. */
export function isBeforeRemoval(desired: DesiredState, phase: OperationPhase): boolean {
  return endKindOf(desired) === 'uninstall' && phase === 'pre-hooks';
}
