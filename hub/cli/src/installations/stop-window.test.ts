import { expect, it } from 'vitest';
import { stopWindow } from './stop-window.ts';

it.each([
  ['mon-fri 20:00-06:00', ['mon', 'tue', 'wed', 'thu', 'fri'], '20:00', '06:00'],
  ['sat,sun 00:00-24:00', ['sat', 'sun'], '00:00', '24:00'],
  ['fri-mon,wed 9:30 - 10:00', ['mon', 'wed', 'fri', 'sat', 'sun'], '09:30', '10:00'],
  ['DAILY 22:00-05:30', ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], '22:00', '05:30'],
])('%s', (text, days, from, to) => {
  expect(stopWindow(text)).toEqual({ days, from, to });
});

it.each(['', 'mon', 'mon 20:00', 'mon-xyz 20:00-06:00', 'mon 24:00-06:00', 'mon 20:60-06:00', 'monday 20:00-06:00'])(
  '"%s" is none',
  (text) => {
    expect(() => stopWindow(text)).toThrow('is not a window of the week');
  },
);
