import * as Type from 'typebox';
import type { Static } from 'typebox';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

const DAY = 1_440;
const WEEK = 7 * DAY;
const MINUTE_MS = 60_000;

/** From a time of these days until the next time it is that late: `20:00` to `06:00` ends on the day after. */
export const StopWindow = Type.Object(
  {
    days: Type.Array(Type.Unsafe<Weekday>({ type: 'string', enum: [...WEEKDAYS] }), { minItems: 1, maxItems: 7 }),
    from: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
    to: Type.String({ pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' }),
  },
  { additionalProperties: false },
);
export type StopWindow = Static<typeof StopWindow>;

/** When in each week an installation is stopped, by the clocks of a place (`Europe/Berlin`). */
export const Schedule = Type.Object(
  {
    timeZone: Type.String({ maxLength: 64, pattern: '^[A-Za-z][A-Za-z0-9_+/-]*$' }),
    stop: Type.Array(StopWindow, { minItems: 1, maxItems: 14 }),
  },
  { additionalProperties: false },
);
export type Schedule = Static<typeof Schedule>;

/** Why a schedule cannot be kept, in words; undefined when it can. */
export function problemOfSchedule(schedule: Schedule): string | undefined {
  if (!clockOf(schedule.timeZone))
    return `"${schedule.timeZone}" is not a time zone: give one of the IANA database, as Europe/Berlin or UTC`;
  return stoppedMinutes(schedule).includes(0)
    ? undefined
    : 'the windows leave no time in which it runs: stop it instead';
}

/** When the window ends that is open at a moment, in Unix milliseconds; undefined when none is open, or the schedule cannot be kept. */
export function windowEndMs(schedule: Schedule, nowMs: number): number | undefined {
  const clock = clockOf(schedule.timeZone);
  const stopped = stoppedMinutes(schedule);
  const now = clock ? clock(nowMs) : 0;
  if (!clock || stopped[now] === 0) return undefined;
  const minutes = [...stopped.subarray(now), ...stopped.subarray(0, now)].indexOf(0);
  if (minutes < 0) return undefined;
  const end = Math.floor(nowMs / MINUTE_MS + minutes) * MINUTE_MS;
  // Clocks may be set forward or back in between.
  const late = (clock(end) - now - minutes + 2.5 * WEEK) % WEEK;
  return end - (late - WEEK / 2) * MINUTE_MS;
}

/** Of each minute of the week, whether it is in a window. */
function stoppedMinutes({ stop }: Schedule): Uint8Array {
  const minutes = new Uint8Array(WEEK);
  for (const { days, from, to } of stop) {
    const [begin, end] = [minutesOf(from), minutesOf(to)];
    const length = end > begin ? end - begin : end - begin + DAY;
    for (const day of days)
      for (let minute = 0; minute < length; minute += 1)
        minutes[(WEEKDAYS.indexOf(day) * DAY + begin + minute) % WEEK] = 1;
  }
  return minutes;
}

function minutesOf(clock: string): number {
  const [hours = 0, minutes = 0] = clock.split(':').map(Number);
  return hours * 60 + minutes;
}

/** The minute of the week that the clocks of a place show; undefined for a place that is not known. */
function clockOf(timeZone: string): ((ms: number) => number) | undefined {
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    return (ms) => {
      const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
      const day = WEEKDAYS.findIndex((name) => name === parts.get('weekday')?.toLowerCase());
      return day * DAY + Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
    };
  } catch {
    return undefined;
  }
}

/** `stopped mon,tue 20:00-06:00 and sun 00:00-24:00 by the clocks of Europe/Berlin` */
export function scheduleText({ timeZone, stop }: Schedule): string {
  const windows = stop.map(({ days, from, to }) => `${days.join(',')} ${from}-${to}`);
  return `stopped ${windows.join(' and ')} by the clocks of ${timeZone}`;
}
