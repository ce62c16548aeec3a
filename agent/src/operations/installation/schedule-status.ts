import * as Type from 'typebox';
import type { Static } from 'typebox';
import type { HealthReason } from '@steward/shared';

/**
 * What the schedule of an installation has made of it. It is written before anything is changed, so that operations, repairs and
 * the next life of the agent know whether it is to run.
 */
export const ScheduleStatus = Type.Object({
  /** By its schedule: whatever was asked for beside it stays as it is. */
  isStopped: Type.Boolean(),
  /** It is being stopped or started: not all may be applied yet. */
  isTurning: Type.Optional(Type.Boolean()),
  /** Of the window in which it is stopped. */
  until: Type.Optional(Type.String({ format: 'date-time' })),
  /** The generation of whose StatefulSets all pods had their volume claims when it was stopped: one that is not there later was deleted meanwhile. */
  hadClaims: Type.Optional(Type.Integer()),
  /** Somebody has started it in a window: that one counts no more. */
  overriddenUntil: Type.Optional(Type.String({ format: 'date-time' })),
  /** It ran when this was put together again, and whether somebody had started it in its window is not known. */
  ranWhenFound: Type.Optional(Type.Boolean()),
  /** Why it is not as its schedule says. */
  held: Type.Optional(Type.String()),
});
export type ScheduleStatus = Static<typeof ScheduleStatus>;

/** What a person has to know of it beside the health. */
export function scheduleReasons(name: string, schedule: ScheduleStatus | undefined): HealthReason[] {
  const object = `Installation/${name}`;
  if (schedule?.held !== undefined) return [{ code: 'ScheduleHeld', object, message: schedule.held.slice(0, 1_000) }];
  if (!schedule?.isStopped || schedule.until === undefined) return [];
  const message = `stopped by its schedule until ${schedule.until}; steward start runs it until then`;
  return [{ code: 'StoppedBySchedule', object, message }];
}
