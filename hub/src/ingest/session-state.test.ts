import { reportHash, type InstallationHealth } from '@steward/shared';
import { expect, it } from 'vitest';
import { SessionState } from './session-state.ts';

const healthy: InstallationHealth = { health: 'healthy', reasons: [], workloads: [], since: '2026-11-21T00:00:00Z' };

it('follows full reports, changes and deletions to the hash that the agent computes', () => {
  const state = new SessionState({ incarnation: 'i', agentVersion: '1' }, new Map(), { ms: 0, at: 0 });
  expect(state.hash).toBe(reportHash({ health: {}, observed: {} }));
  state.apply('health', { full: true, set: { a: healthy, b: healthy }, delete: [] });
  state.apply('health', { full: false, set: { c: { ...healthy, health: 'degraded' } }, delete: ['a'] });
  const expected = { b: healthy, c: { ...healthy, health: 'degraded' as const } };
  expect(state.hash).toBe(reportHash({ health: expected, observed: {} }));
  state.apply('health', { full: true, set: {}, delete: [] });
  expect(state.hash).toBe(reportHash({ health: {}, observed: {} }));
});

it('knows a type of reports as unreadable until a full one of it was read', () => {
  const state = new SessionState({ incarnation: 'i', agentVersion: '1' }, new Map(), { ms: 0, at: 0 });
  expect(state.noteUnreadable('health')).toBe(true);
  state.apply('observed', { full: true, set: {}, delete: [] });
  state.apply('health', { full: false, set: { a: healthy }, delete: [] });
  expect(state.hasUnreadable).toBe(true);
  state.apply('health', { full: true, set: { a: healthy }, delete: [] });
  expect(state.hasUnreadable).toBe(false);
  expect(state.noteUnreadable('health')).toBe(false);
  expect(state.hasUnreadable).toBe(true);
});

it('takes a full report as large as a frame, and no endless row of small ones', () => {
  const state = new SessionState({ incarnation: 'i', agentVersion: '1' }, new Map(), { ms: 0, at: 0 });
  const large = { ...healthy, reasons: [{ code: 'Error', object: 'Pod/x', message: 'x'.repeat(7_500) }] };
  const bits = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`${from + n}`.padStart(36, '0'), large]));
  for (let n = 0; n < 20; n += 1) state.apply('health', { full: true, set: bits(n * 100, 100), delete: [] });
  state.apply('health', { full: false, set: {}, delete: Object.keys(bits(19 * 100, 100)) });
  expect(() => {
    for (let n = 0; n < 20; n += 1) state.apply('health', { full: false, set: bits(n * 100, 100), delete: [] });
  }).toThrow('reports of one session hold more than');
});
