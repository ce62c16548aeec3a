import type { OperationKind, OperationPlan } from '@steward/shared';
import { AS_SIGNED, type ImageSource } from '../../operations/installation/image-source.ts';
import { FencedError } from '../../operations/journal/operation-store.ts';
import { judgeAdoption, type JudgedAdoption } from '../adopt/judge-adoption.ts';
import { done, type Outcome } from '../outcome.ts';
import { makeToldPlan, type ObjectPlan } from '../plan/make-plan.ts';
import { reachOf } from '../plan/reach.ts';
import { countsOf } from '../plan/told-plan.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { sentences } from '../../sentences.ts';
import { awaitScalers } from '../rollout/await-scalers.ts';
import { checkRunState, mayEvict } from '../run-state/check-run-state.ts';
import { setAsItRuns } from '../run-state/with-run-state.ts';
import { checkRemedy } from './prepare/check-remedy.ts';
import { loadDecision, obtainConsent, type Planned } from './prepare/consent.ts';
import { endUnagreed } from './agreed-plan.ts';
import { describePlan } from './prepare/describe-plan.ts';
import { endBeforeChange, endWell, hasEndedWell, endRefused } from './run/ends.ts';
import { momentsOf } from '../hooks/hook-moments.ts';
import { hooksAt } from '../hooks/hook-object.ts';
import { planHooks } from '../hooks/plan-hooks.ts';
import { abandonHooks, tellCutShort } from '../hooks/abandon-hooks.ts';
import { runHooks } from '../hooks/run-hooks.ts';
import { deadlineOf } from './run/deadline.ts';
import { finish, isAutoscaling, scalersOf } from './finish.ts';
import { applySet, removeLeft, rollOut } from './forward.ts';
import { crossedPoint } from '../history/point-of-no-return.ts';
import { planInput } from './prepare/plan-input.ts';
import { loadStored, prepareSet } from './prepare/prepare-set.ts';
import type { Halt } from './run/interruption.ts';
import { awaitImageSource } from './prepare/rights.ts';
import type { Run } from './run/run.ts';
import { beginWayBack, endOnHold, endWithoutSet, goBack } from './way-back.ts';

/** What a deployment applies; the plan is only there right after it was consented to. */
interface Prepared {
  set: ReleaseSet;
  plan: ObjectPlan | undefined;
}

/**
 * Carries out an install, an upgrade, a rollback or a remedy from wherever it is. What fails before the first write leaves all as
 * it was; what fails later goes back to the last good generation.
 */
export async function deploy(run: Run): Promise<void> {
  if (run.record.status.wayBack) return goBack(run);
  // What is not ready since then is for its health to tell: nothing of it is undone.
  if (hasEndedWell(run.installation.status, run.record.spec.generation)) return endWell(run, []);
  const isUnderWay = run.record.status.state === 'running';
  const prepared = isUnderWay ? await resume(run) : await prepare(run);
  if (!prepared.ok) return isUnderWay ? endWithoutSet(run, prepared.failure) : endRefused(run, prepared.failure);
  // From its last good look on it is too late to stop it, also in the next try where an error comes between.
  run.isWhole ||= await becomesWhole(run, prepared.value);
  if (run.isWhole) await finish(run, prepared.value.set);
}

/** False when it has ended otherwise. */
async function becomesWhole(run: Run, { set, plan }: Prepared): Promise<boolean> {
  const isBeforeChange = run.record.status.phase === 'pre-hooks';
  // Hooks may have changed what the plan was made over.
  const stillRight = isBeforeChange ? undefined : plan;
  try {
    const begun = await beforeFirstChange(run, set);
    const outcome = begun.ok ? await forward(run, set, stillRight) : begun;
    if (outcome.ok) return true;
    if (!begun.ok) await endBeforeChange(run, begun.failure);
    else if (outcome.failure.reason === 'plan-changed') await endUnagreed(run, outcome.failure, isBeforeChange);
    else await beginWayBack(run, outcome.failure, set.meta);
  } catch (error) {
    const isOurs = !run.signal.aborted && !(error instanceof FencedError);
    if (!run.halted || !isOurs || run.record.status.wayBack) throw error;
    await endHalted(run, set, run.halted);
  }
  return false;
}

/** Somebody cancelled it under way, and said what is to become of it. */
async function endHalted(run: Run, set: ReleaseSet, halt: Halt): Promise<void> {
  const isBeforeChange = run.record.status.phase === 'pre-hooks';
  await abandonHooks(run, halt);
  const { ifUnderWay, message: told } = run.decide() ?? halt;
  const message = sentences(told, ...tellCutShort(run));
  if (isBeforeChange) await endBeforeChange(run, { reason: 'cancelled', message });
  else if (ifUnderWay === 'hold') await endOnHold(run, message);
  else await beginWayBack(run, { reason: 'cancelled', message }, set.meta);
}

async function resume(run: Run): Promise<Outcome<Prepared>> {
  const { renderRef } = run.record.status;
  if (renderRef === undefined) throw new Error(`${run.record.name} is running without a stored set`);
  const { runsAs: runState, isAsFound, record } = run;
  const stored = await loadStored(run, renderRef);
  if (!stored.ok) return stored;
  const set = setAsItRuns(stored.value, {
    runState,
    isAsFound,
    images: record.status.images ?? AS_SIGNED,
  });
  return done({ set, plan: undefined });
}

async function prepare(run: Run): Promise<Outcome<Prepared>> {
  const asked = checkRemedy(run);
  if (!asked.ok) return asked;
  const decision = await loadDecision(run);
  if (!decision.ok) return decision;
  const prepared = await prepareSet(run);
  if (!prepared.ok) return prepared;
  const { renderRef } = prepared.value;
  const source = await imageSourceOf(run);
  if (!source.ok) return source;
  const images = source.value;
  const { runsAs: runState, presentRunState, isAsFound } = run;
  const { objects, meta } = prepared.value.set;
  const possible = checkRunState(objects, runState, presentRunState, {
    ...meta.remedies,
    evicts: mayEvict(meta.permissions),
  });
  if (!possible.ok) return possible;
  const set = setAsItRuns(prepared.value.set, { runState, isAsFound, images });
  const { state } = run.record.status;
  const also = { renderRef, images };
  await run.move({ state, phase: 'plan', message: `comparing with what runs: ${run.title}`, also });
  const replan = (): Promise<Outcome<Planned<ObjectPlan>>> => planSet(run, set, possible.value);
  const planned = await run.span('plan', replan);
  if (!planned.ok) return planned;
  const agreed = await run.span('approve', () => obtainConsent(run, planned.value, replan));
  if (!agreed.ok) return agreed;
  await begin(run, set, agreed.value);
  return done({ set, plan: agreed.value.plan });
}

/**
 * A stop or a scale goes on with the images that run, and what is adopted with those it was found with: only what replaces pods
 * anyway follows the customer's new source.
 */
async function imageSourceOf(run: Run): Promise<Outcome<ImageSource>> {
  if (run.kind === 'adopt' && !run.recovers) return done(AS_SIGNED);
  if (run.sameSet && !run.kinds.some((kind) => kind === 'restart' || kind === 'resize'))
    return done(run.sameSet.images ?? AS_SIGNED);
  const source = await awaitImageSource(run);
  return source.ok ? done(source.value.images) : source;
}

const NO_ADOPTION: JudgedAdoption = { notes: [], isChange: false };

async function planSet(run: Run, set: ReleaseSet, notes: readonly string[]): Promise<Outcome<Planned<ObjectPlan>>> {
  const plan = await makeToldPlan(await planInput(run, set, { isWayBack: false, signal: run.untilWriting }));
  if (!plan.ok) return plan;
  const crossed = crossedPoint(run, set.meta);
  const adoption = run.kind === 'adopt' ? await judgeAdoption(run, set, plan.value) : done(NO_ADOPTION);
  if (!adoption.ok) {
    await tellPlan(run, describePlan(run, set, plan.value, { hooks: [], notes, crossed }));
    return adoption;
  }
  const hooks = await planHooks(run, set);
  if (!hooks.ok) return hooks;
  const also = { hooks: hooks.value, notes: [...adoption.value.notes, ...notes], crossed };
  const told = describePlan(run, set, plan.value, also);
  // By what it does, whatever it is called.
  const alsoKinds: OperationKind[] = [];
  if (adoption.value.isChange) alsoKinds.push('upgrade');
  if (crossed !== undefined) alsoKinds.push('rollback');
  return done({ plan: plan.value, told, crossed, alsoKinds });
}

/** What a refused adoption would have done, object by object. */
async function tellPlan(run: Run, plan: OperationPlan): Promise<void> {
  const message = `compared with what runs: ${countsOf(plan.changes)}`;
  const also = { plan, planDigest: plan.digest };
  await run.move({ state: run.record.status.state, phase: 'plan', message, tellsPlan: true, also });
}

async function begin(run: Run, { meta, hooks }: ReleaseSet, { told, plan }: Planned<ObjectPlan>): Promise<void> {
  const hasHooks = hooksAt(hooks, momentsOf(run)?.before).length > 0;
  await run.begin({
    phase: hasHooks ? 'pre-hooks' : 'apply',
    message: `${hasHooks ? 'running hooks before' : 'applying'}: ${countsOf(told.changes)}`,
    told,
    reach: [...reachOf(plan, run.kind === 'adopt').keys()],
    lastsMs: meta.deadlineSeconds * 1_000,
  });
}

/** The hooks that come before anything of the service is changed. */
async function beforeFirstChange(run: Run, set: ReleaseSet): Promise<Outcome<void>> {
  const moments = momentsOf(run);
  if (!moments || run.record.status.phase !== 'pre-hooks') return done(undefined);
  const options = { event: moments.before, phase: 'pre-hooks' as const, deadlineMs: deadlineOf(run, false) };
  const ran = await run.span('pre-hooks', () => runHooks(run, set, options));
  if (ran.ok) await run.move({ state: 'running', phase: 'apply', message: 'hooks are done; applying' });
  return ran;
}

/** Apply, roll out, settle, hooks; or from where it was when the agent ended. */
async function forward(run: Run, set: ReleaseSet, plan: ObjectPlan | undefined): Promise<Outcome<void>> {
  if (run.record.status.phase === 'apply') {
    const applied = await run.span('apply', () => applySet(run, set, { given: plan, isWayBack: false }));
    if (!applied.ok) return applied;
    await run.move({ state: 'running', phase: 'roll-out', message: 'applied; waiting until everything is ready' });
  }
  if (run.record.status.phase !== 'post-hooks') {
    const ready = await run.span('roll-out', async () => {
      const scaled = isAutoscaling(run) ? await awaitScalers(scalersOf(run, set)) : done(undefined);
      return scaled.ok ? rollOut(run, set, { isWayBack: false }) : scaled;
    });
    if (!ready.ok) return ready;
    const removed = await run.span('remove', () => removeLeft(run, set));
    if (!removed.ok) return removed;
  }
  const event = momentsOf(run)?.after;
  if (event === undefined || hooksAt(set.hooks, event).length === 0) return done(undefined);
  const options = { event, phase: 'post-hooks' as const, deadlineMs: deadlineOf(run, false) };
  return run.span('post-hooks', () => runHooks(run, set, options));
}
