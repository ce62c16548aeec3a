import { waveOf } from '@steward/shared';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { allOf, done, type Outcome } from '../outcome.ts';
import { entryOf, inventoryKey } from '../plan/inventory.ts';
import { inOrder, inOrderOfRemoval, inWaves, type Wave } from '../plan/kind-order.ts';
import type { ObjectPlan } from '../plan/make-plan.ts';
import type { PlannedRemoval } from '../plan/removals.ts';
import { inParallel } from '../../parallel.ts';
import type { PlannedObject } from '../plan/plan-object.ts';
import { executeStep, type StepContext } from './steps.ts';

const WIDTH = 4;

export interface WaveRules {
  /** What is stopped is stopped before what it needs. */
  isLastFirst: boolean;
  /** What goes late is left for when the new is ready, and stays in the inventory until then. */
  leavesLate: boolean;
  /** Called with each wave as long as a later one has something to change, also when nothing of this one differs: a kill may have come before it was ready. */
  untilReady: (wave: Wave<PlannedObject>) => Promise<Outcome<void>>;
}

/**
 * Applies what differs, wave after wave and in each kind after kind, then removes what the set no longer has and nothing that
 * still serves needs; after a failure nothing is removed but autoscalers, which go first.
 * @returns the inventory as it is now
 */
export async function applyPlan(
  plan: ObjectPlan,
  context: StepContext,
  { isLastFirst, leavesLate, untilReady }: WaveRules,
): Promise<Outcome<InventoryEntry[]>> {
  const isLeft = ({ action, isLate }: PlannedRemoval): boolean => action === 'keep' || (leavesLate && isLate);
  const goes = plan.removals.filter((removal) => !isLeft(removal));
  // It would set the count that is applied now once more.
  const scalers = goes.filter(({ entry }) => entry.kind === 'HorizontalPodAutoscaler');
  const unscaled = await removeAll(scalers, context);
  if (!unscaled.ok) return unscaled;
  const uids: Uids = new Map();
  const inTurn = inWaves(plan.objects, ({ object }) => waveOf(object));
  const waves = isLastFirst ? inTurn.toReversed() : inTurn;
  for (const [index, wave] of waves.entries()) {
    const applied = await applyWave(wave, uids, context);
    if (!applied.ok) return applied;
    const isMoreToDo = waves.slice(index + 1).some(({ items }) => items.some(({ action }) => action !== 'keep'));
    const ready = isMoreToDo ? await untilReady(wave) : done(undefined);
    if (!ready.ok) return ready;
  }
  const order = { waveOf: ({ wave }: PlannedRemoval) => wave, kindOf: ({ entry }: PlannedRemoval) => entry.kind };
  const others = goes.filter((removal) => !scalers.includes(removal));
  for (const group of inOrderOfRemoval(others, order)) {
    const removed = await removeAll(group, context);
    if (!removed.ok) return removed;
  }
  const stays = plan.removals.filter(isLeft).map(({ entry }) => entry);
  const applied = plan.objects.map((planned) => entryOf(planned.ref, planned.object, uids.get(keyOf(planned))));
  return done([...applied, ...stays]);
}

async function removeAll(removals: readonly PlannedRemoval[], context: StepContext): Promise<Outcome<void>> {
  const outcomes = await inParallel(removals, WIDTH, ({ entry }) =>
    executeStep({ type: 'remove', entry, propagation: 'Background' }, context),
  );
  return allOf(outcomes);
}

type Uids = Map<string, string | undefined>;

/** Notes the uids of what it applied. */
async function applyWave({ items }: Wave<PlannedObject>, uids: Uids, context: StepContext): Promise<Outcome<void>> {
  for (const group of inOrder(items, ({ ref }) => ref.kind)) {
    const outcomes = await inParallel(group, WIDTH, (planned) => applyOne(planned, context));
    for (const [index, outcome] of outcomes.entries()) {
      if (!outcome.ok) return outcome;
      const planned = group[index];
      if (planned) uids.set(keyOf(planned), outcome.value);
    }
  }
  return done(undefined);
}

function keyOf({ ref, object }: PlannedObject): string {
  return inventoryKey({ ...ref, ...object.metadata });
}

async function applyOne(
  { ref, object, action, isOurs, uid, replacement, isTakenOver }: PlannedObject,
  context: StepContext,
): Promise<Outcome<string | undefined>> {
  if (action === 'keep') return done(uid);
  for (const resize of replacement?.resizes ?? []) {
    const resized = await executeStep({ type: 'resize-claim', resize }, context);
    if (!resized.ok) return resized;
  }
  if (replacement) {
    const { propagation } = replacement;
    const gone = await executeStep({ type: 'make-way', ref, object, uid: replacement.uid, propagation }, context);
    if (!gone.ok) return gone;
  }
  if (isTakenOver && uid !== undefined) {
    const taken = await executeStep({ type: 'take-over', ref, object, uid }, context);
    if (!taken.ok) return taken;
  }
  const outcome = await executeStep({ type: 'apply', ref, object, force: isOurs }, context);
  return outcome.ok ? done(outcome.value.uid) : outcome;
}
