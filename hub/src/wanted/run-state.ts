import {
  AS_RELEASED,
  AUTOSCALE_FEATURE,
  compile,
  isRemedy,
  problemOfSchedule,
  RESIZE_FEATURE,
  RUN_STATE_FEATURE,
  RunState,
  SCHEDULE_FEATURE,
  type CreateOperation,
  type OperationKind,
} from '@steward/shared';
import { randomUUID } from 'node:crypto';
import { ProblemError } from '../http/problem.ts';
import { CAME_TO_NOTHING } from '../operations/operation-states.ts';

const decode = compile(RunState);

/**
 * How installation `i` is wanted to run: as the newest generation says that says anything and did not come to nothing. One
 * that gave way to a newer operation counts while the agent has it, by its last hello, and has not said what became of it.
 */
export const SELECT_RUN_STATE = `
  (SELECT w.run_state FROM installation_generations w
   WHERE w.installation_id = i.id AND w.run_state IS NOT NULL AND NOT EXISTS (
     SELECT 1 FROM operations f WHERE f.installation_id = w.installation_id AND f.generation = w.generation
       AND f.state IN ${CAME_TO_NOTHING} AND (f.reason_code = 'superseded' AND f.presumed_from <> 'queued') IS NOT TRUE)
   ORDER BY w.generation DESC LIMIT 1)`;

/** @param json as the database has it; what cannot be read counts as nothing said */
export function readRunState(json: unknown): RunState {
  const decoded = decode(json);
  return decoded.ok ? decoded.value : AS_RELEASED;
}

/** Undefined when it runs as its release says, and always did. */
export function shownRunState(json: unknown): RunState | undefined {
  const runState = readRunState(json);
  const { stopped, restartToken, schedule, replicas, resources, autoscale } = runState;
  const isOther =
    stopped ||
    (restartToken ?? schedule) !== undefined ||
    [replicas, resources, autoscale].some((all) => !isEmpty(all));
  return isOther ? runState : undefined;
}

/** What an agent must know of to do this without undoing or leaving out how it is to run. */
export function featuresNeeded(kind: OperationKind, json: unknown): string[] {
  if (kind === 'uninstall' || kind === 'leave') return [];
  const runState = shownRunState(json);
  if (!isRemedy(kind) && !runState) return [];
  const isResized = kind === 'resize' || !isEmpty(runState?.resources);
  const isAutoscaled = kind === 'autoscale' || !isEmpty(runState?.autoscale);
  return [
    RUN_STATE_FEATURE,
    ...(isResized ? [RESIZE_FEATURE] : []),
    ...(isAutoscaled ? [AUTOSCALE_FEATURE] : []),
    ...(kind === 'schedule' || runState?.schedule ? [SCHEDULE_FEATURE] : []),
  ];
}

function isEmpty(all: object = {}): boolean {
  return Object.keys(all).length === 0;
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
      return { ...present, replicas: scaled(present, wanted.replicas) };
    case 'resize':
      return resized(present, wanted.resources);
    case 'autoscale':
      return autoscaled(present, wanted.autoscale);
    case 'schedule':
      return scheduled(present, wanted.schedule);
  }
}

function scaled(
  { replicas: before, autoscale = {} }: RunState,
  wanted: Extract<CreateOperation, { kind: 'scale' }>['replicas'],
): RunState['replicas'] {
  const taken = Object.keys(wanted).find((workload) => wanted[workload] !== null && workload in autoscale);
  if (taken !== undefined)
    throw new ProblemError('conflict', `${taken} is autoscaled, so its count is not set by hand`, {
      action: 'change its bounds with `steward autoscale`, or switch that off first',
    });
  const replicas = withoutNulls({ ...before, ...wanted });
  checkBounds({ ...AS_RELEASED, replicas }, 'scaled');
  return replicas;
}

/** What is not named of a container stays as it was made. */
function resized(
  { resources: before = {}, ...present }: RunState,
  wanted: Extract<CreateOperation, { kind: 'resize' }>['resources'],
): RunState {
  const changed = Object.entries(wanted).map(([name, size]) => [name, size && { ...before[name], ...size }] as const);
  const resources = withoutNulls({ ...before, ...Object.fromEntries(changed) });
  checkBounds({ ...AS_RELEASED, resources }, 'resized');
  return isEmpty(resources) ? present : { ...present, resources };
}

function autoscaled(
  { autoscale: before = {}, ...present }: RunState,
  wanted: Extract<CreateOperation, { kind: 'autoscale' }>['autoscale'],
): RunState {
  const autoscale = withoutNulls({ ...before, ...wanted });
  checkBounds({ ...AS_RELEASED, autoscale }, 'autoscaled');
  return isEmpty(autoscale) ? present : { ...present, autoscale };
}

function scheduled({ schedule: _before, ...present }: RunState, wanted: RunState['schedule'] | null): RunState {
  if (!wanted) return present;
  const problem = problemOfSchedule(wanted);
  if (problem !== undefined) throw new ProblemError('invalid-request', problem);
  return { ...present, schedule: wanted };
}

function withoutNulls<T>(all: Record<string, T | null>): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, T] => entry[1] !== null));
}

/** Each request is small enough; together they may not be. */
function checkBounds(runState: RunState, what: string): void {
  const decoded = decode(runState);
  if (decoded.ok) return;
  throw new ProblemError('invalid-request', `this cannot be ${what} to: ${decoded.error}`, {
    action: 'give some back to the release first',
  });
}
