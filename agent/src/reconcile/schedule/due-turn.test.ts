import { expect, it } from 'vitest';
import { AS_RELEASED, type Schedule } from '@steward/shared';
import type { ScheduleStatus } from '../../operations/installation/schedule-status.ts';
import { asScheduled, dueTurn, startedByHand } from './due-turn.ts';

const nights: Schedule = { timeZone: 'UTC', stop: [{ days: ['mon'], from: '20:00', to: '06:00' }] };
const inside = Date.parse('2026-11-23T22:00:00Z');
const outside = Date.parse('2026-11-24T06:00:00Z');
const until = '2026-11-24T06:00:00.000Z';
const stopped: ScheduleStatus = { isStopped: true, until };

it.each<[string, Schedule | undefined, ScheduleStatus | undefined, number, ScheduleStatus | undefined]>([
  ['a window opens', nights, undefined, inside, stopped],
  ['it is stopped already', nights, stopped, inside, undefined],
  ['a kill came before all was applied', nights, { ...stopped, isTurning: true }, inside, stopped],
  ['the window closes', nights, stopped, outside, { isStopped: false }],
  ['the schedule is taken away in the window', undefined, stopped, inside, { isStopped: false }],
  ['the schedule never was', undefined, undefined, inside, undefined],
  ['nothing is open', nights, { isStopped: false }, outside, undefined],
  ['what held it is over', nights, { isStopped: false, held: 'frozen' }, outside, { isStopped: false }],
  ['it was started by hand in this window', nights, { isStopped: false, overriddenUntil: until }, inside, undefined],
  [
    'it was started by hand in the window a week before',
    nights,
    { isStopped: false, overriddenUntil: '2026-11-17T06:00:00.000Z' },
    inside,
    stopped,
  ],
  [
    'another window follows, and what is known of its volumes is kept',
    nights,
    { isStopped: true, until: '2026-11-23T21:00:00.000Z', hadClaims: 3 },
    inside,
    { ...stopped, hadClaims: 3 },
  ],
  [
    'the window closes, and that is no longer asked',
    nights,
    { ...stopped, hadClaims: 3 },
    outside,
    { isStopped: false },
  ],
  ['another window is open by now', nights, { isStopped: true, until: '2026-11-23T23:00:00.000Z' }, inside, stopped],
])('when %s', (_what, schedule, status, nowMs, expected) => {
  expect(dueTurn(schedule, status, nowMs)).toEqual(expected);
});

it('who starts it by hand gives up the window that is open, and no other', () => {
  expect(startedByHand(nights, inside)).toEqual({ isStopped: false, overriddenUntil: until });
  expect(startedByHand(nights, outside)).toEqual({ isStopped: false });
});

it('stops what runs, and starts nothing that is stopped by hand', () => {
  expect(asScheduled(AS_RELEASED, stopped)).toMatchObject({ stopped: true });
  expect(asScheduled({ ...AS_RELEASED, stopped: true }, { isStopped: false })).toMatchObject({ stopped: true });
  expect(asScheduled(AS_RELEASED, undefined)).toBe(AS_RELEASED);
});
