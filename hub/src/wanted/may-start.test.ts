import type { Release } from '@steward/shared';
import { expect, it } from 'vitest';
import { checkMayStart, type Experience } from './may-start.ts';

function problemOf(change: { expiresAt?: string; from?: string }, experience?: Partial<Experience>): string {
  const { expiresAt, from } = change;
  const upgrade = { deadlineSeconds: 600, settleSeconds: 5, ...(from !== undefined && { from }) };
  const release = { upgrade, ...(expiresAt !== undefined && { expiresAt }) } as Release;
  const running = experience && { runningVersion: undefined, hasRunWell: false, ...experience };
  try {
    checkMayStart({ row: { service: 'nats', version: '2.0.0' }, release }, running);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'may start';
}

const expired = { expiresAt: '2020-01-01T00:00:00Z' };

it.each([
  ['an expired release for a new installation', expired, undefined, 'expired on'],
  ['an expired release that never ran here', expired, { runningVersion: '1.0.0' }, 'expired on'],
  ['an expired release that has run well here', expired, { runningVersion: '1.0.0', hasRunWell: true }, 'may start'],
  ['an expired release that runs', expired, { runningVersion: '2.0.0' }, 'may start'],
  ['from a version that it replaces', { from: '1.x' }, { runningVersion: '1.9.0' }, 'may start'],
  ['from a version that it does not replace', { from: '1.x' }, { runningVersion: '3.0.0' }, 'upgrades only from 1.x'],
  ['from itself, which it does not name', { from: '1.x' }, { runningVersion: '2.0.0' }, 'may start'],
  ['onto nothing', { from: '1.x' }, undefined, 'may start'],
])('%s', (_, change, experience, said) => {
  expect(problemOf(change, experience)).toContain(said);
});
