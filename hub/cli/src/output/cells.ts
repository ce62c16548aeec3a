import type { Cluster, Installation, Operation } from '@steward/shared';
import type { Tint } from '../terminal/terminal.ts';
import type { Cell } from './table.ts';

const HEALTH: Record<Installation['health'], Tint> = {
  healthy: 'green',
  progressing: 'cyan',
  degraded: 'yellow',
  unhealthy: 'red',
  unknown: 'dim',
};
const OPERATION: Record<Operation['state'], Tint | undefined> = {
  queued: undefined,
  offered: undefined,
  'awaiting-approval': 'yellow',
  accepted: 'cyan',
  running: 'cyan',
  succeeded: 'green',
  failed: 'red',
  'rolled-back': 'yellow',
  expired: 'yellow',
  cancelled: 'dim',
  denied: 'red',
  unknown: 'red',
};
const CONNECTION: Record<Cluster['connection'], Tint> = {
  waiting: 'yellow',
  fetched: 'yellow',
  enrolled: 'yellow',
  connected: 'green',
  stale: 'yellow',
  offline: 'red',
  revoked: 'red',
};

/** The last known health when the agent is not heard is marked with a question mark. */
export function healthCell({
  health,
  isStale,
  reasons,
  runState,
}: Pick<Installation, 'health' | 'isStale' | 'reasons' | 'runState'>): Cell {
  // It is as it should be, and still nobody can use it.
  if (runState?.stopped && health === 'healthy') return { text: isStale ? 'stopped?' : 'stopped', tint: 'dim' };
  if (health === 'healthy' && reasons.some(({ code }) => code === 'StoppedBySchedule'))
    return { text: `stopped (schedule)${isStale ? '?' : ''}`, tint: 'dim' };
  return isStale ? { text: `${health}?`, tint: 'dim' } : { text: health, tint: HEALTH[health] };
}

/** What runs, in words; undefined when nothing does yet. A way back that failed leaves some of both versions. */
export function runsText({
  runningVersion,
  state,
  observedGeneration,
}: Pick<Installation, 'runningVersion' | 'state' | 'observedGeneration'>): string | undefined {
  const isBroken = state === 'failed' && observedGeneration > 0;
  return runningVersion ?? (isBroken ? 'not certain' : undefined);
}

export function tintOf(state: Operation['state']): Tint | undefined {
  return OPERATION[state];
}

export function operationCell(state: Operation['state']): Cell {
  return { text: state, tint: tintOf(state) };
}

export function connectionCell(connection: Cluster['connection']): Cell {
  return { text: connection, tint: CONNECTION[connection] };
}
