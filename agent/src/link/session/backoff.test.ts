import { describe, expect, it } from 'vitest';
import { Backoff, RECONNECT_POLICY } from './backoff.ts';

const failed = { connectedMs: undefined, isSlow: false };
const most = (): Backoff => new Backoff(RECONNECT_POLICY, () => 1);

describe('the delay before the next attempt', () => {
  it('doubles its limit while attempts fail, up to a minute', () => {
    const backoff = most();
    expect(Array.from({ length: 7 }, () => backoff.nextDelayMs(failed) / 1000)).toEqual([2, 4, 8, 16, 32, 60, 60]);
  });

  it('is spread over ten seconds after a connection that was lost', () => {
    expect(most().nextDelayMs({ connectedMs: 120_000, isSlow: false })).toBe(10_000);
    expect(new Backoff(RECONNECT_POLICY, () => 0).nextDelayMs({ connectedMs: 120_000, isSlow: false })).toBe(0);
  });

  it('starts anew only after a connection that lasted a minute', () => {
    const backoff = most();
    for (let n = 0; n < 5; n += 1) backoff.nextDelayMs(failed);
    expect(backoff.nextDelayMs({ connectedMs: 59_999, isSlow: false })).toBe(60_000);
    expect(backoff.nextDelayMs({ connectedMs: 60_000, isSlow: false })).toBe(10_000);
    expect(backoff.nextDelayMs(failed)).toBe(4_000);
  });

  it('is never below Retry-After, and not the same for everybody', () => {
    expect(new Backoff(RECONNECT_POLICY, () => 0).nextDelayMs({ ...failed, floorMs: 30_000 })).toBe(30_000);
    expect(most().nextDelayMs({ ...failed, floorMs: 30_000 })).toBe(32_000);
  });

  it('is minutes where trying soon cannot help', () => {
    expect(new Backoff(RECONNECT_POLICY, () => 0).nextDelayMs({ ...failed, isSlow: true })).toBe(120_000);
    expect(most().nextDelayMs({ ...failed, isSlow: true })).toBe(240_000);
  });

  it('is what a goaway asks for', () => {
    const spread = { minMs: 1_000, maxMs: 5_000 };
    expect(new Backoff(RECONNECT_POLICY, () => 0.5).nextDelayMs({ ...failed, spread })).toBe(3_000);
    expect(most().nextDelayMs({ ...failed, spread: { minMs: 5_000, maxMs: 1_000 } })).toBe(5_000);
  });
});
