import { describe, expect, it } from 'vitest';
import { problemOfSchedule, WEEKDAYS, windowEndMs, type Schedule, type Weekday } from './schedule.ts';

const nights: Schedule = {
  timeZone: 'Europe/Berlin',
  stop: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '20:00', to: '06:00' }],
};
const weekend: Schedule = {
  ...nights,
  stop: [...nights.stop, { days: ['sat', 'sun'], from: '00:00', to: '24:00' }],
};
const at = (schedule: Schedule, now: string): string | undefined => {
  const end = windowEndMs(schedule, Date.parse(now));
  return end === undefined ? undefined : new Date(end).toISOString();
};

describe('a window of the week', () => {
  // 2026-11-23 is a Monday; Berlin is an hour ahead of UTC in winter, two in summer.
  it.each([
    ['2026-11-23T18:59:59Z', undefined],
    ['2026-11-23T19:00:00Z', '2026-11-24T05:00:00.000Z'],
    ['2026-11-24T04:59:59.999Z', '2026-11-24T05:00:00.000Z'],
    ['2026-11-24T05:00:00Z', undefined],
    ['2026-11-27T23:30:00Z', '2026-11-28T05:00:00.000Z'],
    ['2026-11-28T12:00:00Z', undefined],
    ['2026-11-23T03:00:00Z', undefined],
    ['2026-07-20T18:00:00Z', '2026-07-21T04:00:00.000Z'],
  ])('of a place is open by its clocks: %s until %s', (now, end) => {
    expect(at(nights, now)).toBe(end);
  });

  it('that begins where another ends is one with it, also over the end of the week', () => {
    expect(at(weekend, '2026-11-27T19:00:00Z')).toBe('2026-11-29T23:00:00.000Z');
    const around = { timeZone: 'UTC', stop: [{ days: ['sun' as const], from: '22:00', to: '03:00' }] };
    expect(at(around, '2026-11-29T23:00:00Z')).toBe('2026-11-30T03:00:00.000Z');
    expect(at(around, '2026-11-30T02:00:00Z')).toBe('2026-11-30T03:00:00.000Z');
  });

  it('ends at the time that clocks show, also when they are set forward or back in it', () => {
    const night = { timeZone: 'Europe/Berlin', stop: [{ days: ['sat' as const], from: '20:00', to: '06:00' }] };
    expect(at(night, '2026-03-28T20:00:00Z')).toBe('2026-03-29T04:00:00.000Z');
    expect(at(night, '2026-10-24T20:00:00Z')).toBe('2026-10-25T05:00:00.000Z');
    expect(at(night, '2026-10-25T04:30:00Z')).toBe('2026-10-25T05:00:00.000Z');
  });

  it('is as long for every place, and for those an odd time away', () => {
    const kathmandu = { timeZone: 'Asia/Kathmandu', stop: [{ days: ['mon' as const], from: '00:00', to: '01:00' }] };
    expect(at(kathmandu, '2026-11-22T18:30:00Z')).toBe('2026-11-22T19:15:00.000Z');
  });
});

describe('a schedule', () => {
  const always = (days: readonly Weekday[]): Schedule => ({
    timeZone: 'UTC',
    stop: [{ days: [...days], from: '00:00', to: '24:00' }],
  });

  it('that cannot be kept is told why, and stops nothing', () => {
    expect(problemOfSchedule({ ...nights, timeZone: 'Europe/Atlantis' })).toContain('Europe/Berlin or UTC');
    expect(windowEndMs({ ...nights, timeZone: 'Europe/Atlantis' }, Date.parse('2026-11-23T20:00:00Z'))).toBeUndefined();
    expect(problemOfSchedule(always(WEEKDAYS))).toContain('no time in which it runs');
    expect(problemOfSchedule(always(['mon', 'tue']))).toBeUndefined();
    expect(problemOfSchedule(weekend)).toBeUndefined();
  });
});
