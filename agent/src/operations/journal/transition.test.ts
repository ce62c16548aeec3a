import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canMove, isFinal, OPERATION_STATES, type OperationState } from '@steward/shared';
import { FIRST_STATUS, type OperationRecord, type OperationStatus } from './operation-object.ts';
import { IllegalMoveError, MAX_TRANSITIONS, patchOf, resultOf, statusAfter } from './transition.ts';

const at = new Date('2026-01-01T00:00:00Z');
const move = (state: OperationState) => ({ state, phase: 'roll-out' as const, message: 'm' });

describe('a move', () => {
  it('follows the table of states, counts revisions without a gap, and ends with a final state', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...OPERATION_STATES), { maxLength: 100 }), (wanted) => {
        let status: OperationStatus = FIRST_STATUS;
        for (const state of wanted) {
          const isLegal = canMove(status.state, state) && !(isFinal(status.state) && status.revision > 0);
          if (!isLegal) {
            const before = status;
            expect(() => statusAfter(before, move(state), at)).toThrow(IllegalMoveError);
            continue;
          }
          const next = statusAfter(status, move(state), at);
          expect(next.revision).toBe(status.revision + 1);
          expect(next.transitions.at(-1)).toMatchObject({ revision: next.revision, state });
          expect(next.finishedAt !== undefined).toBe(isFinal(state));
          status = next;
        }
        expect(status.transitions.length).toBeLessThanOrEqual(MAX_TRANSITIONS);
      }),
    );
  });

  it('keeps what happened and lets progress go when there are too many', () => {
    let status = statusAfter(FIRST_STATUS, move('accepted'), at);
    status = statusAfter(status, move('running'), at);
    for (let done = 0; done < 200; done += 1)
      status = statusAfter(status, { ...move('running'), progress: { done, total: 200 } }, at);
    status = statusAfter(status, { state: 'succeeded', phase: 'done', message: 'end' }, at);
    const revisions = status.transitions.map(({ revision }) => revision);
    expect(status.transitions).toHaveLength(MAX_TRANSITIONS);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(revisions.slice(0, 2)).toEqual([1, 2]);
    expect(revisions.at(-1)).toBe(203);
  });

  it('drops the reason of the one before', () => {
    const waiting = statusAfter(FIRST_STATUS, { ...move('accepted'), reason: 'missing-rights' }, at);
    expect(waiting.reason).toBe('missing-rights');
    const on = statusAfter(waiting, move('running'), at);
    expect(on.reason).toBeUndefined();
    expect(patchOf(waiting, on)).toMatchObject({ reason: null, state: 'running' });
  });

  it('is written whole the first time, and then only what differs', () => {
    const first = statusAfter(FIRST_STATUS, { ...move('accepted'), phase: 'verify' }, at);
    expect(patchOf(FIRST_STATUS, first)).toEqual(first);
    const second = statusAfter(first, { ...move('accepted'), phase: 'verify' }, at);
    expect(Object.keys(patchOf(first, second)).sort()).toEqual(['ackedRevision', 'revision', 'transitions']);
  });
});

describe('a result', () => {
  const plan = { digest: `sha256:${'a'.repeat(64)}`, summary: 's', changes: [] };
  const span = { name: 'agent.plan', spanId: '1'.repeat(16), startMs: 1, endMs: 2 };

  it('carries the plan it is about, and the spans with the last word', () => {
    const asked = statusAfter(
      FIRST_STATUS,
      { ...move('awaiting-approval'), tellsPlan: true, also: { plan, planDigest: plan.digest, spans: [span] } },
      at,
    );
    const another = { ...plan, digest: `sha256:${'b'.repeat(64)}` };
    const changed = statusAfter(
      asked,
      { ...move('awaiting-approval'), tellsPlan: true, also: { plan: another, planDigest: another.digest } },
      at,
    );
    const denied = statusAfter(changed, { state: 'denied', phase: 'done', message: 'no' }, at);
    const desired = { installationId: '1' } as OperationRecord['spec']['desired'];
    const spec = { id: '2', installation: 'shop', kind: 'upgrade' as const, generation: 1, desired };
    const record: OperationRecord = { name: 'op', uid: 'u', resourceVersion: '1', spec, status: denied };
    const [first, second, last] = denied.transitions.map((transition) => resultOf(record, transition));
    expect(first).not.toHaveProperty('plan');
    expect(second?.plan).toEqual(another);
    expect(last).toMatchObject({ spans: [span], operationId: '2', installationId: '1' });
    expect(second).not.toHaveProperty('spans');
  });
});
