import { AS_RELEASED, compile, isRemedy, RunState, type CreateOperation, type OperationKind } from '@steward/shared';
import { randomUUID } from 'node:crypto';
import { ProblemError } from '../http/problem.ts';

const decode = compile(RunState);

/**
 * How installation `i` is wanted to run: as the newest generation says that says anything and did not come to nothing. One
 * that gave way to a newer operation counts, since the newer one is meant to contain it.
 */
export const SELECT_RUN_STATE = `
  (SELECT w.run_state FROM installation_generations w
   WHERE w.installation_id = i.id AND w.run_state IS NOT NULL AND NOT EXISTS (
     SELECT 1 FROM operations f WHERE f.installation_id = w.installation_id AND f.generation = w.generation
       AND f.state IN ('cancelled', 'denied', 'expired', 'failed', 'rolled-back') AND f.reason_code IS DISTINCT FROM 'superseded')
   ORDER BY w.generation DESC LIMIT 1)`;

/** @param json as the database has it; what cannot be read counts as nothing said */
export function readRunState(json: unknown): RunState {
  const decoded = decode(json);
  return decoded.ok ? decoded.value : AS_RELEASED;
}

/** Undefined when it runs as its release says, and always did. */
export function shownRunState(json: unknown): RunState | undefined {
  const runState = readRunState(json);
  return runState.stopped || runState.restartToken !== undefined || Object.keys(runState.replicas).length > 0
    ? runState
    : undefined;
}

/** Whether an agent must know of run states to do this without undoing one. */
export function needsRunState(kind: OperationKind, json: unknown): boolean {
  return isRemedy(kind) || (kind !== 'uninstall' && kind !== 'leave' && shownRunState(json) !== undefined);
}

/** How it is to run after this operation; everything but a remedy leaves it as it is. @throws ProblemError `conflict` */
export function runStateAfter(wanted: CreateOperation, present: RunState): RunState {
  switch (wanted.kind) {
    case 'upgrade':
    case 'rollback':
    case 'uninstall':
    case 'adopt':
    case 'leave':
      return present;
    case 'stop':
      return { ...present, stopped: true };
    case 'start':
      return { ...present, stopped: false };
    case 'restart':
      if (present.stopped)
        throw new ProblemError('conflict', 'it is stopped: there is nothing to restart', {
          action: 'start it instead',
        });
      return { ...present, restartToken: randomUUID() };
    case 'scale':
      return { ...present, replicas: scaled(present.replicas, wanted.replicas) };
  }
}

function scaled(
  present: RunState['replicas'],
  wanted: Extract<CreateOperation, { kind: 'scale' }>['replicas'],
): RunState['replicas'] {
  const all = Object.entries({ ...present, ...wanted });
  const replicas = Object.fromEntries(all.filter((entry): entry is [string, number] => entry[1] !== null));
  const decoded = decode({ ...AS_RELEASED, replicas });
  if (decoded.ok) return replicas;
  throw new ProblemError('invalid-request', `this cannot be scaled to: ${decoded.error}`, {
    action: 'give some workloads back to the release first',
  });
}
