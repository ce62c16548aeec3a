import { nameOf } from '../../kube/object.ts';
import { entryName, inventoryKey } from './inventory.ts';
import type { ObjectPlan } from './make-plan.ts';
import type { PlannedObject } from './plan-object.ts';

/**
 * What a plan does that no other one may do in its place unasked, by {@link inventoryKey} with its name for people: what it deletes, also to
 * make it anew. All else it applies is the content that was agreed to. An adoption also reaches what it changes: it may have been agreed
 * to because it changes nothing.
 */
export function reachOf({ objects, removals }: ObjectPlan, isAdoption: boolean): Map<string, string> {
  const reached = objects.filter((planned) => replaces(planned) || (isAdoption && changes(planned)));
  const goes = removals.filter(({ action }) => action === 'delete');
  return new Map([
    ...reached.map(({ ref, object }) => [inventoryKey({ ...ref, ...object.metadata }), nameOf(object)] as const),
    ...goes.map(({ entry }) => [inventoryKey(entry), entryName(entry)] as const),
  ]);
}

/** Whether it was in the plan that an operation began with, by its {@link inventoryKey}. What an older agent began has no record of that. */
export function agreedBy(reach: readonly string[] | undefined): (key: string) => boolean {
  if (!reach) return () => true;
  const keys = new Set(reach);
  return (key) => keys.has(key);
}

function replaces({ replacement }: PlannedObject): boolean {
  return replacement !== undefined && replacement.isGoing !== true;
}

/** Its labels change with whose it is. */
function changes({ action, changes: found = [] }: PlannedObject): boolean {
  return action === 'create' || found.some(({ path: [first] }) => first !== 'metadata');
}
