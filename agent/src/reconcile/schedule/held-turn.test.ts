import { expect, it, vi } from 'vitest';
import type { ReconcileContext } from '../context.ts';
import type { Drifts } from '../drift/drifts.ts';
import { InstallationQueue } from '../installation-queue.ts';
import type { Schedules } from './schedules.ts';
import type { Turn } from './take-turn.ts';

it.each<[Turn, number]>([
  ['done', 1],
  ['gone', 1],
  ['held', 0],
])('drift is looked for after a turn that is %s: %d', async (turn, looks) => {
  let isDue = true;
  const operationEnded = vi.fn();
  const schedules = {
    isDue: () => isDue,
    isUrgent: () => false,
    turn: async () => {
      isDue = false;
      return turn;
    },
  };
  const context = { journal: { unfinished: () => [] }, installations: { byName: () => undefined } };
  const queue = new InstallationQueue({
    context: context as unknown as ReconcileContext,
    drifts: { of: () => undefined, operationEnded } as unknown as Drifts,
    schedules: schedules as unknown as Schedules,
    name: 'shop',
    signal: new AbortController().signal,
  });
  queue.wake();
  await queue.stop();
  expect(isDue).toBe(false);
  expect(operationEnded).toHaveBeenCalledTimes(looks);
});
