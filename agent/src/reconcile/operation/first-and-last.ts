import type { Move } from '../../operations/transition.ts';
import type { Run } from './run.ts';

/** How an operation ends whose object is gone, and the rest of the sentence that says so. */
export function lostEnd(isDone: boolean, isUnderWay: boolean): { end: Pick<Move, 'state' | 'reason'>; rest: string } {
  if (isDone) return { end: { state: 'succeeded' }, rest: 'when all of it was done' };
  if (!isUnderWay) return { end: { state: 'cancelled', reason: 'cancelled' }, rest: 'before it changed anything' };
  const rest = 'so what runs is not certain. Push a version again';
  return { end: { state: 'failed', reason: 'lost-track' }, rest };
}

/** The first word of an operation: whose wish it is, and why. */
export async function accept(run: Run): Promise<void> {
  const { requestedBy, reason } = run.record.spec.desired.operation;
  const because = reason === undefined ? '' : `: ${reason}`;
  await run.move({
    state: 'accepted',
    phase: 'verify',
    message: `accepted: ${run.title}, asked for by ${requestedBy}${because}`,
  });
}
