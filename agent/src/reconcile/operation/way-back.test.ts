import { expect, it } from 'vitest';
import type { InstallationStatus } from '../../operations/installation/installation-object.ts';
import type { HookRecord } from '../../operations/journal/operation-object.ts';
import type { Move } from '../../operations/journal/transition.ts';
import { LostSetError } from '../render/render-store.ts';
import { Halt } from './run/interruption.ts';
import type { Run } from './run/run.ts';
import { beginWayBack, brokenWayBack, endWithoutSet } from './way-back.ts';

it('tells first that going back failed, then why, then what it was to undo', () => {
  const why = { reason: 'image-pull-failed', message: `dial tcp: ${'x'.repeat(300)}` } as const;
  const back = { reason: 'internal', message: 'Secret render-nats-g5 is missing' } as const;
  const { reason, message } = brokenWayBack({ generation: 5, version: '2.15.2' }, why, back);
  expect(reason).toBe('way-back-failed');
  expect(message).toMatch(
    /^Going back to generation 5 \(2\.15\.2\) failed, so it is not certain what runs\. Secret render-nats-g5 is missing\. .*image-pull-failed\): dial tcp/,
  );
});

interface Before {
  state: InstallationStatus['state'];
  /** The generation whose hooks ran; the good one is 4, this one 6. */
  point?: number;
  /** Of this operation. */
  hooks?: Pick<HookRecord, 'event' | 'hook'>[];
  /** What it is, an upgrade unless told. */
  rollback?: { toGeneration: number };
  /** Told while its failure was being finished. */
  halted?: Halt;
  /** In which its stored set was lost. */
  lostIn?: 'pre-hooks' | 'apply';
}

/** The first word of an operation that fails: that it goes back, or its end. */
async function firstWord(
  { state, point, hooks, rollback, halted, lostIn }: Before,
  isRollbackSafe: boolean,
): Promise<Move | undefined> {
  const moves: Move[] = [];
  const run = {
    kind: rollback ? 'rollback' : 'upgrade',
    record: {
      name: 'op-1',
      spec: { generation: 6, desired: { release: {}, operation: { ...rollback } } },
      status: { hooks, phase: lostIn },
    },
    installation: {
      name: 'shop',
      status: {
        state,
        history: [{ generation: 4, version: '1.0.0' }],
        inventory: [],
        ...(point !== undefined && { pointOfNoReturn: { generation: point, hooks: 'Job/migrate (pre-upgrade)' } }),
      },
    },
    context: {
      now: () => new Date(),
      config: { fieldManager: 'f' },
      installations: { write: async () => {} },
      renders: { load: () => Promise.reject(new LostSetError('gone')), remove: async () => {} },
    },
    signal: new AbortController().signal,
    halted,
    decide: () => halted,
    move: async (move: Move) => void moves.push(move),
  };
  const failure = { reason: 'rollout-deadline', message: 'not ready' } as const;
  // Nothing here is kept to be put back: only whether that is begun counts.
  const end = lostIn
    ? endWithoutSet(run as unknown as Run, failure)
    : beginWayBack(run as unknown as Run, failure, { isRollbackSafe });
  await end.catch(() => undefined);
  return moves[0];
}

const migrated = [{ event: 'pre-upgrade', hook: 'Job/migrate' }] as const;

it.each<[string, Before, boolean, string]>([
  ['its own hooks', { state: 'running', hooks: [...migrated] }, false, 'Job/migrate (pre-upgrade) has run'],
  [
    'the hooks of one before that failed, whatever it says of its own',
    { state: 'failed', point: 5, hooks: [...migrated] },
    true,
    'Job/migrate (pre-upgrade) of generation 5 has run',
  ],
])('goes back over no point of no return by itself: %s', async (_name, before, isSafe, words) => {
  const first = await firstWord(before, isSafe);
  expect(first).toMatchObject({ state: 'failed', phase: 'done', reason: 'rollout-deadline' });
  expect(first?.message).toContain(words);
  expect(first?.message).toContain('steward rollback shop --to-generation 4');
});

it.each<[string, Before]>([
  ['its own hooks say that they are no such point', { state: 'running', hooks: [...migrated] }],
  ['one before ended in its first hooks, and the good one ran on', { state: 'running', point: 5 }],
  ['the good one ran after it', { state: 'failed', point: 4 }],
  ['it is itself the rollback to it that was agreed to', { state: 'failed', point: 5, rollback: { toGeneration: 4 } }],
])('goes back where %s', async (_name, before) => {
  expect(await firstWord(before, true)).toMatchObject({ state: 'running', phase: 'roll-back' });
});

it('goes back with its hooks noted as those from before that', async () => {
  const hooks = [{ event: 'post-rollback', hook: 'Job/smoke' }] as const;
  const first = await firstWord({ state: 'running', hooks: [...hooks], rollback: { toGeneration: 3 } }, true);
  expect(first?.also?.hooks).toEqual([{ ...hooks[0], isBeforeWayBack: true }]);
});

it('does not go back where somebody said so while its failure was being finished', async () => {
  const first = await firstWord({ state: 'running', halted: new Halt('hold', 'b') }, true);
  const message = expect.stringMatching(/^cancelled by b .*not ready.* stays as it is/);
  expect(first).toMatchObject({ state: 'cancelled', phase: 'done', message });
});

it('goes back over a set that is lost only where something was applied', async () => {
  const untouched = { state: 'failed', phase: 'done', message: expect.stringContaining('1.0.0 runs on') };
  expect(await firstWord({ state: 'running', lostIn: 'pre-hooks' }, true)).toMatchObject(untouched);
  expect(await firstWord({ state: 'running', lostIn: 'apply' }, true)).toMatchObject({ phase: 'roll-back' });
});

it('ends as cancelled where somebody said so before its set was lost in its first hooks', async () => {
  const first = await firstWord({ state: 'running', lostIn: 'pre-hooks', halted: new Halt('roll-back', 'b') }, true);
  const message = expect.stringMatching(/^cancelled by b .*1\.0\.0 runs on/);
  expect(first).toMatchObject({ state: 'cancelled', reason: 'cancelled', message });
});
