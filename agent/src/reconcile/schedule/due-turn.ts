import { windowEndMs, type RunState, type Schedule } from '@steward/shared';
import type { ScheduleStatus } from '../../operations/schedule-status.ts';

/** What an installation is to become by its schedule at a moment; undefined when it is that already. Pure. */
export function dueTurn(
  schedule: Schedule | undefined,
  status: ScheduleStatus | undefined,
  nowMs: number,
): ScheduleStatus | undefined {
  const end = schedule && windowEndMs(schedule, nowMs);
  const { overriddenUntil } = status ?? {};
  const isOverridden = overriddenUntil !== undefined && Date.parse(overriddenUntil) > nowMs;
  const isStopped = end !== undefined && !isOverridden;
  const until = isStopped ? new Date(end).toISOString() : undefined;
  const isSame = status ? isStopped === status.isStopped && until === status.until : !isStopped;
  if (isSame && status?.isTurning !== true && status?.held === undefined) return undefined;
  return {
    isStopped,
    ...(until !== undefined && { until }),
    ...(isOverridden && overriddenUntil !== undefined && { overriddenUntil }),
  };
}

/** Of who starts it by hand: the window that is open counts no more. */
export function startedByHand(schedule: Schedule | undefined, nowMs: number): ScheduleStatus {
  const end = schedule && windowEndMs(schedule, nowMs);
  return { isStopped: false, ...(end !== undefined && { overriddenUntil: new Date(end).toISOString() }) };
}

/** How it is to run while its schedule has stopped it. */
export function asScheduled(runState: RunState, status: ScheduleStatus | undefined): RunState {
  return status?.isStopped === true ? { ...runState, stopped: true } : runState;
}
