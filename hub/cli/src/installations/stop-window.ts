import { WEEKDAYS, type StopWindow, type Weekday } from '@steward/shared';
import { usageError } from '../cli-error.ts';

const WINDOW = /^\s*([a-z,-]+)\s+(\d?\d:\d\d)\s*-\s*(\d?\d:\d\d)\s*$/i;

/** `mon-fri 20:00-06:00`, `sat,sun 00:00-24:00`, `daily 22:00-05:30`. @throws CliError */
export function stopWindow(text: string): StopWindow {
  const [, days = '', from = '', to = ''] = WINDOW.exec(text) ?? [];
  const window = { days: daysOf(days.toLowerCase()), from: from.padStart(5, '0'), to: to.padStart(5, '0') };
  if (window.days.length > 0 && isTime(window.from) && (isTime(window.to) || window.to === '24:00')) return window;
  throw usageError(
    `"${text}" is not a window of the week`,
    'Say DAYS FROM-TO: "mon-fri 20:00-06:00", "sat,sun 00:00-24:00", "daily 22:00-06:00". One that ends earlier than it begins ends on the next day.',
  );
}

function isTime(text: string): boolean {
  return /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}

/** Empty when one of them is no day. */
function daysOf(text: string): Weekday[] {
  const chosen = new Set<Weekday>();
  for (const part of text === 'daily' ? ['mon-sun'] : text.split(',')) {
    const [first, last] = part.split('-').map((day) => WEEKDAYS.findIndex((known) => known === day));
    if (first === undefined || first < 0 || last === -1) return [];
    for (let at = first; ; at = (at + 1) % WEEKDAYS.length) {
      const day = WEEKDAYS[at];
      if (day) chosen.add(day);
      if (at === (last ?? first)) break;
    }
  }
  return WEEKDAYS.filter((day) => chosen.has(day));
}
