import { windowEndMs, type RunState, type Schedule } from '@steward/shared';
import type { ScheduleStatus } from '../../operations/installation/schedule-status.ts';

/** What an installation is to become by its schedule at a moment; undefined when it is that already. Pure. */
export function dueTurn(
  schedule: Schedule | undefined,
  status: ScheduleStatus | undefined,
  nowMs: number,
): ScheduleStatus | undefined {
  const {
    isStopped: wasStopped,
    until: before,
    overriddenUntil,
    isTurning = false,
    held,
    hadClaims,
  } = status ?? RUNNING;
  const isOverridden = overriddenUntil !== undefined && Date.parse(overriddenUntil) > nowMs;
  const end = schedule && !isOverridden ? windowEndMs(schedule, nowMs) : undefined;
  const until = end === undefined ? undefined : new Date(end).toISOString();
  const isStopped = until !== undefined;
  const isSame = isStopped === wasStopped && until === before;
  if (isSame && !isTurning && held === undefined) return undefined;
  const known = hadClaims !== undefined && { hadClaims };
  return { isStopped, ...(isStopped && { until, ...known }), ...(isOverridden && { overriddenUntil }) };
}

const RUNNING: ScheduleStatus = { isStopped: false };

/** Of who starts it by hand: the window that is open counts no more. */
export function startedByHand(schedule: Schedule | undefined, nowMs: number): ScheduleStatus {
  const end = schedule && windowEndMs(schedule, nowMs);
  return { isStopped: false, ...(end !== undefined && { overriddenUntil: new Date(end).toISOString() }) };
}

/** How it is to run while its schedule has stopped it. */
export function asScheduled(runState: RunState, status: ScheduleStatus | undefined): RunState {
  return status?.isStopped === true ? { ...runState, stopped: true } : runState;
}
