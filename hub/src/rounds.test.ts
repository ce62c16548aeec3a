import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Rounds } from './rounds.ts';

const log = pino({ enabled: false });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function roundsOf(round: () => Promise<void>): Rounds {
  return new Rounds({ intervalMs: 1_000, round, log, failed: 'it failed' });
}

it('begins at once, goes on after a failure, and ends', async () => {
  const round = vi.fn(async () => {
    throw new Error('no database');
  });
  const rounds = roundsOf(round);
  await rounds.start();
  expect(round).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(round).toHaveBeenCalledTimes(3);
  await rounds.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(round).toHaveBeenCalledTimes(3);
});

it('begins no round while one is under way, and waits for it at the end', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const round = vi.fn(() => promise);
  const rounds = roundsOf(round);
  void rounds.start();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(round).toHaveBeenCalledTimes(1);
  const stopped = vi.fn();
  void rounds.stop().then(stopped);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(stopped).not.toHaveBeenCalled();
  resolve();
  await vi.advanceTimersByTimeAsync(0);
  expect(stopped).toHaveBeenCalled();
});
