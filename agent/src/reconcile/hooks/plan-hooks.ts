import type { OperationPlan } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import type { Run } from '../operation/run/run.ts';
import { allOf, done, type Outcome } from '../outcome.ts';
import { inventoryKey } from '../plan/inventory.ts';
import { inParallel } from '../../parallel.ts';
import { neverOursOf } from '../fields/never-ours.ts';
import {
  findObject,
  orRefused,
  planObject,
  type FoundObject,
  type ObjectPlanInput,
  type PlannedObject,
} from '../plan/plan-object.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { hooksOfRun } from './hook-moments.ts';
import { hookName, hookObject } from './hook-object.ts';

const WIDTH = 4;

type Until = Pick<ObjectPlanInput, 'isLate' | 'signal'>;

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
    planHook(run, hookObject(hook, event, run.record.spec.id), { signal: run.untilWriting }),
  );
  const tried = allOf(outcomes);
  if (!tried.ok) return tried;
  return done(
    due.map(({ hook, event }) => ({ action: 'create' as const, object: hookName(hook), fields: [`${event} hook`] })),
  );
}

/** What making a hook's object would do, asked of the API server by a dry run. */
export async function planHook(run: Run, object: KubeObject, until: Until): Promise<Outcome<PlannedObject>> {
  return orRefused(async () => done(await planObject(object, inputOf(run, until))));
}

/** What lives of a hook's object, only looked at: no rule of the cluster has a say in that. */
export async function findHook(run: Run, object: KubeObject, until: Until): Promise<Outcome<FoundObject>> {
  return orRefused(async () => done(await findObject(object, inputOf(run, until))));
}

function inputOf({ context, installation }: Run, until: Until): ObjectPlanInput {
  const { kube, config } = context;
  return {
    kube,
    fieldManager: config.fieldManager,
    organization: config.organization,
    installation: installation.name,
    ours: new Map(installation.status.inventory.map((entry) => [inventoryKey(entry), entry])),
    neverOurs: neverOursOf([], undefined, installation.name),
    mayAskLess: false,
    ...until,
  };
}
