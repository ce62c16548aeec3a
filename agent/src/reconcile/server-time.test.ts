import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServerTime } from './server-time.ts';

/** A server whose answers carry whole seconds, read by a clock of its own. */
function world() {
  const state = {
    localMs: 5,
    serverMs: 1_000_000,
    header: undefined as { serverMs: number; localMs: number } | undefined,
  };
  const answer = (): void => {
    state.header = { serverMs: Math.floor(state.serverMs / 1000) * 1000, localMs: state.localMs };
  };
  const pass = (ms: number): void => {
    state.localMs += ms;
    state.serverMs += ms;
  };
  const read = (): Date | undefined =>
    state.header && new Date(state.header.serverMs + state.localMs - state.header.localMs);
  return { state, answer, pass, time: new ServerTime(read, () => state.localMs) };
}

describe('the time of the API server', () => {
  it('never goes back and comes closer with each answer', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_500 }), { minLength: 1, maxLength: 60 }), (steps) => {
        const { state, answer, pass, time } = world();
        let before = 0;
        for (const step of steps) {
          pass(step);
          answer();
          const now = time.now().getTime();
          expect(now).toBeGreaterThanOrEqual(before);
          expect(now).toBeLessThanOrEqual(state.serverMs);
          expect(state.serverMs - now).toBeLessThan(1_001);
          before = now;
        }
      }),
    );
  });

  it('follows a clock that was set back', () => {
    const { state, answer, pass, time } = world();
    answer();
    time.now();
    state.serverMs -= 3_600_000;
    pass(10);
    answer();
    expect(Math.abs(time.now().getTime() - state.serverMs)).toBeLessThan(1_001);
  });

  it("is this machine's before the first answer", () => {
    const { time } = world();
    expect(Math.abs(time.now().getTime() - Date.now())).toBeLessThan(1_000);
  });
});
