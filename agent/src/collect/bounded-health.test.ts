import { expect, it } from 'vitest';
import { decodeAgentFrame, encodeFrame } from '@steward/shared';
import { boundedHealth } from './bounded-health.ts';

it('fits into a report, however long the words are that others wrote', () => {
  const long = 'x'.repeat(5_000);
  const reason = { code: `OutOf${long}`, object: `Pod/${long}`, message: long };
  const workload = { kind: long, name: 'web', health: 'unhealthy' as const };
  const health = {
    health: 'unhealthy' as const,
    reasons: Array.from({ length: 30 }, () => reason),
    workloads: [workload],
  };
  const set = { '11111111-1111-4111-8111-111111111111': { ...boundedHealth(health), since: '2026-11-29T00:00:00Z' } };
  const decoded = decodeAgentFrame(encodeFrame({ t: 'health', b: { revision: 1, full: true, set, delete: [] } }));
  expect(decoded).toMatchObject({ ok: true });
});
