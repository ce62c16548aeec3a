import type { ChartHook, HookEvent, OperationPlan } from '@steward/shared';
import type { Run } from '../operation/run/run.ts';
import { allOf, done, type Outcome } from '../outcome.ts';
import { inventoryKey } from '../plan/inventory.ts';
import { inParallel } from '../../parallel.ts';
import { neverOursOf } from '../fields/never-ours.ts';
import { orRefused, planObject, type ObjectPlanInput, type PlannedObject } from '../plan/plan-object.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { hooksOfRun } from './hook-moments.ts';
import { hookName, hookObject } from './hook-object.ts';

const WIDTH = 4;

/**
 * The lines of a plan about hooks. Each is tried by a dry run, so that a quota or a rule of the cluster refuses before
 * anything is written.
 */
export async function planHooks(
  run: Run,
  { hooks }: Pick<ReleaseSet, 'hooks'>,
): Promise<Outcome<OperationPlan['changes']>> {
  const due = hooksOfRun(run, hooks);
  const outcomes = await inParallel(due, WIDTH, ({ hook, event }) =>
    planHook(run, hook, event, { signal: run.untilWriting }),
  );
  const tried = allOf(outcomes);
  if (!tried.ok) return tried;
  return done(
    due.map(({ hook, event }) => ({ action: 'create' as const, object: hookName(hook), fields: [`${event} hook`] })),
  );
}

/** What making a hook's object would do, asked of the API server by a dry run. */
export async function planHook(
  run: Run,
  hook: ChartHook,
  event: HookEvent,
  until: Pick<ObjectPlanInput, 'isLate' | 'signal'>,
): Promise<Outcome<PlannedObject>> {
  const { kube, config } = run.context;
  const { inventory } = run.installation.status;
  return orRefused(async () => {
    const planned = await planObject(hookObject(hook, event, run.record.spec.id), {
      kube,
      fieldManager: config.fieldManager,
      organization: config.organization,
      installation: run.installation.name,
      ours: new Map(inventory.map((entry) => [inventoryKey(entry), entry])),
      neverOurs: neverOursOf([], undefined, run.installation.name),
      mayAskLess: false,
      ...until,
    });
    return done(planned);
  });
}
