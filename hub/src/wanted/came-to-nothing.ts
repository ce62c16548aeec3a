import type { OperationState } from '@steward/shared';

/** Ends after which what was wanted does not run; the version before it may, or another. */
const STATES: readonly OperationState[] = ['cancelled', 'denied', 'expired', 'failed', 'rolled-back'];

export function cameToNothing(state: OperationState): boolean {
  return STATES.includes(state);
}

/** For `IN`. */
export const CAME_TO_NOTHING = `('${STATES.join("', '")}')`;
