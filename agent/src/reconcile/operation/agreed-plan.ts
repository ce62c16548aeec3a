import { irreversiblyRun } from '../hooks/hook-moments.ts';
import { done, failed, type Failure, type Outcome } from '../outcome.ts';
import { makePlan, type ObjectPlan } from '../plan/make-plan.ts';
import { agreedBy, reachOf } from '../plan/reach.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { sentences } from '../../sentences.ts';
import { endAsItIs, endBeforeChange } from './run/ends.ts';
import { planInput } from './prepare/plan-input.ts';
import type { Run } from './run/run.ts';

const MAX_NAMES = 10;

/**
 * The plan as it is after hooks or a kill, over what there is by now; refused (`plan-changed`) where it reaches what the plan did not that the
 * operation began with.
 */
export async function planWithinAgreed(run: Run, set: ReleaseSet): Promise<Outcome<ObjectPlan>> {
  const plan = await makePlan(await planInput(run, set, { isWayBack: false, signal: run.whileWorking }));
  const { reach, hooks } = run.record.status;
  if (!plan.ok) return plan;
  const isAgreed = agreedBy(reach);
  const beyond = [...reachOf(plan.value, run.kind === 'adopt')].filter(([key]) => !isAgreed(key));
  if (beyond.length === 0) return done(plan.value);
  const names = beyond.slice(0, MAX_NAMES).map(([, name]) => name);
  const more = beyond.length > MAX_NAMES ? ` and ${beyond.length - MAX_NAMES} more` : '';
  const what = `what is there has changed since the plan was told, and going on would now ${whatItDoes(run)} ${names.join(', ')}${more}`;
  // Told also of a release that promises that going back is safe: it has run all the same.
  const lasting = irreversiblyRun(hooks, {});
  const ran = lasting === undefined ? [] : [`${lasting} has run, and that is not undone`];
  return failed('plan-changed', sentences(what, ...ran, 'To see the plan as it is now and decide on it, push again'));
}

function whatItDoes({ kind }: Run): string {
  return kind === 'adopt' ? 'change' : 'delete, or delete and make anew,';
}

/** Nobody has agreed to the way back over that either: what is there stays for a person to look at. */
export async function endUnagreed(run: Run, failure: Failure, isBeforeChange: boolean): Promise<void> {
  if (isBeforeChange) return endBeforeChange(run, failure);
  await endAsItIs(run, failure, 'What was applied before stays as it is until then');
}
