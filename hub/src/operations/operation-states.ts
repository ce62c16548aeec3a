import { isFinal, OPERATION_STATES, type OperationState } from '@steward/shared';

/** Ends after which what was wanted does not run; the version before it may, or another. */
const NOTHING_CAME: readonly OperationState[] = ['cancelled', 'denied', 'expired', 'failed', 'rolled-back'];

export function cameToNothing(state: OperationState): boolean {
  return NOTHING_CAME.includes(state);
}

/** For `IN`. */
export const CAME_TO_NOTHING = listOf(NOTHING_CAME);

/** For `IN`: those that an agent, or the hub itself, still has to end. */
export const UNFINISHED = listOf(OPERATION_STATES.filter((state) => !isFinal(state) && state !== 'unknown'));

function listOf(states: readonly OperationState[]): string {
  return `('${states.join("', '")}')`;
}
