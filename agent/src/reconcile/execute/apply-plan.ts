import type { InventoryEntry } from '../../operations/installation-object.ts';
import { done, type Outcome } from '../outcome.ts';
import { entryOf, inventoryKey } from '../plan/inventory.ts';
import { inOrder } from '../plan/kind-order.ts';
import type { ObjectPlan } from '../plan/make-plan.ts';
import { inParallel } from '../plan/parallel.ts';
import type { PlannedObject } from '../plan/plan-object.ts';
import { executeStep, type StepContext } from './steps.ts';

const WIDTH = 4;

/**
 * Applies what differs, kind after kind, then removes what the set no longer has; after a failure nothing is removed.
 * @returns the inventory as it is now
 */
export async function applyPlan(plan: ObjectPlan, context: StepContext): Promise<Outcome<InventoryEntry[]>> {
  const uids = new Map<string, string | undefined>();
  for (const group of inOrder(plan.objects, ({ ref }) => ref.kind)) {
    const outcomes = await inParallel(group, WIDTH, (planned) => applyOne(planned, context));
    for (const [index, outcome] of outcomes.entries()) {
      if (!outcome.ok) return outcome;
      const planned = group[index];
      if (planned) uids.set(keyOf(planned), outcome.value);
    }
  }
  const goes = plan.removals.filter(({ action }) => action === 'delete').map(({ entry }) => entry);
  for (const group of inOrder(goes, ({ kind }) => kind).reverse()) {
    const outcomes = await inParallel(group, WIDTH, (entry) =>
      executeStep({ type: 'remove', entry, propagation: 'Background' }, context),
    );
    for (const outcome of outcomes) if (!outcome.ok) return outcome;
  }
  const stays = plan.removals.filter(({ action }) => action === 'keep').map(({ entry }) => entry);
  const applied = plan.objects.map((planned) => entryOf(planned.ref, planned.object, uids.get(keyOf(planned))));
  return done([...applied, ...stays]);
}

function keyOf({ ref, object }: PlannedObject): string {
  return inventoryKey({ ...ref, ...object.metadata });
}

async function applyOne(
  { ref, object, action, isOurs, uid, replacement, isTakenOver }: PlannedObject,
  context: StepContext,
): Promise<Outcome<string | undefined>> {
  if (action === 'keep') return done(uid);
  for (const growth of replacement?.growths ?? []) {
    const grown = await executeStep({ type: 'grow-claim', growth }, context);
    if (!grown.ok) return grown;
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
