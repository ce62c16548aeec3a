import { applyPlan } from '../execute/apply-plan.ts';
import { executeStep, type StepContext } from '../execute/steps.ts';
import { kindsToWatch } from '../monitors.ts';
import { sentences } from '../../sentences.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { mayEvict } from '../run-state/check-run-state.ts';
import { entryOf, inventoryKey, mergedInventory } from '../plan/inventory.ts';
import type { Wave } from '../plan/kind-order.ts';
import { makePlan, type ObjectPlan } from '../plan/make-plan.ts';
import { orRefused, type PlannedObject } from '../plan/plan-object.ts';
import { agreedBy } from '../plan/reach.ts';
import { leftOf, planRemovals } from '../plan/removals.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { isTarget } from '../rollout/targets.ts';
import type { PodInTheWay } from '../rollout/rollout-state.ts';
import { TOLD_REASONS, watchRollout, type RolloutOptions } from '../rollout/watch-rollout.ts';
import { makersIn, mergedMakers } from '../volumes/claim-makers.ts';
import { loadMakers } from '../volumes/load-claims.ts';
import { planWithinAgreed } from './agreed-plan.ts';
import { deadlineOf } from './run/deadline.ts';
import { planInput } from './prepare/plan-input.ts';
import type { Run } from './run/run.ts';

/**
 * Applies a set: the inventory first, as all that may come into being, then the objects, then the inventory as it is.
 * Without a plan it is made anew, forward within the agreed one; doing it again changes nothing.
 */
export async function applySet(
  run: Run,
  set: ReleaseSet,
  { given, isWayBack }: { given?: ObjectPlan | undefined; isWayBack: boolean },
): Promise<Outcome<void>> {
  const { inventory } = run.installation.status;
  const hooked = inventory.filter(({ hook }) => hook !== undefined);
  const plan = given ? done(given) : await planAnew(run, set, isWayBack);
  if (!plan.ok) return plan;
  const coming = plan.value.objects.map(({ ref, object, uid }) => entryOf(ref, object, uid));
  const watched = kindsToWatch(set.meta.permissions);
  const metrics = set.meta.metrics ?? null;
  const replaced = plan.value.objects.flatMap(({ replacement }) => replacement?.claimMakers ?? []);
  const makers = mergedMakers(await loadMakers(run), [...makersIn(set.objects), ...replaced]);
  // What an uninstall has left unfinished is whole again from here on.
  const also = { watched, metrics, claimMakers: makers, removalOf: null };
  await run.writeInventory(mergedInventory(inventory, coming), also);
  run.installation.status.claimMakers = makers;
  const applied = await applyPlan(plan.value, stepContext(run, isWayBack), {
    isLastFirst: run.kind === 'stop' && !isWayBack,
    leavesLate: !isWayBack,
    // What is put back has run together before; a wave that only a later one mends must not hold it up.
    untilReady: async (wave) => (isWayBack ? done(undefined) : untilWaveReady(run, set, wave)),
  });
  // Not before: a namespace without anything in it would be called healthy.
  run.context.monitors.watch(run.installation, watched);
  if (!applied.ok) return applied;
  // What hooks made stays known, unless it is part of the set now.
  await run.writeInventory(mergedInventory(hooked, applied.value));
  return done(undefined);
}

async function planAnew(run: Run, set: ReleaseSet, isWayBack: boolean): Promise<Outcome<ObjectPlan>> {
  if (!isWayBack) return planWithinAgreed(run, set);
  return makePlan(await planInput(run, set, { isWayBack, signal: run.whileWorking }));
}

/** Removes what the set no longer has and was left for what still ran. Safe to begin again: what is gone is not in the way. */
export async function removeLeft(run: Run, { objects }: ReleaseSet): Promise<Outcome<void>> {
  const { kube, now } = run.context;
  const { inventory } = run.installation.status;
  const isAgreed = agreedBy(run.record.status.reach);
  const left = leftOf({ objects, inventory }).filter((entry) => isAgreed(inventoryKey(entry)));
  if (left.length === 0) return done(undefined);
  const isLate = (): boolean => now().getTime() > deadlineOf(run, false);
  const { name: installation } = run.installation;
  // What would be lost was asked when it was planned; now the new ones run.
  const input = { kube, left, installation, goingClaims: 'let-go', isLate, signal: run.whileWorking } as const;
  const removals = await orRefused(async () => done(await planRemovals(input)));
  if (!removals.ok) return removals;
  const rules = { isLastFirst: false, leavesLate: false, untilReady: async () => done(undefined) };
  const kept = await applyPlan({ objects: [], removals: removals.value }, stepContext(run, false), rules);
  if (!kept.ok) return kept;
  const keys = new Set(kept.value.map(inventoryKey));
  const gone = new Set(left.map(inventoryKey).filter((key) => !keys.has(key)));
  if (gone.size === 0) return done(undefined);
  await run.writeInventory(inventory.filter((entry) => !gone.has(inventoryKey(entry))));
  return done(undefined);
}

/** Follows what was applied until all of it is ready and has stayed so for the settling time. */
export async function rollOut(
  run: Run,
  set: ReleaseSet,
  { isWayBack }: { isWayBack: boolean },
): Promise<Outcome<void>> {
  return watchRollout({
    ...rolloutOf(run, set, isWayBack),
    onProgress: async ({ done: ready, total, waiting }) => {
      const message = `${ready} of ${total} ready. ${waiting.slice(0, TOLD_REASONS).join('; ')}`.slice(0, 1_000);
      const phase = isWayBack ? 'roll-back' : 'roll-out';
      await run.move({ state: 'running', phase, message, progress: { done: ready, total } });
    },
    onSettling: async ({ done: ready, total }) => {
      const message = `all ${total} ready; they have to stay so for ${set.meta.settleSeconds} s`;
      const phase = isWayBack ? 'roll-back' : 'settle';
      await run.move({ state: 'running', phase, message, progress: { done: ready, total } });
    },
  });
}

/** Follows one wave; the operation stays in its phase, so that after a kill the rest is applied too. */
async function untilWaveReady(
  run: Run,
  { meta, objects: all }: ReleaseSet,
  { wave, items }: Wave<PlannedObject>,
): Promise<Outcome<void>> {
  const objects = items.map(({ object }) => object).filter(isTarget);
  if (objects.length === 0) return done(undefined);
  const set = { objects, hooks: [], meta: { ...meta, settleSeconds: 0 } };
  return watchRollout({
    ...rolloutOf(run, set, false),
    onProgress: async ({ done: ready, total, waiting }) => {
      const left = all.length - items.length;
      const message = `wave ${wave}: ${ready} of ${total} ready; ${left} objects of other waves. ${waiting.slice(0, TOLD_REASONS).join('; ')}`;
      const progress = { done: ready, total };
      await run.move({ state: 'running', phase: 'apply', message: message.slice(0, 1_000), progress });
    },
    onSettling: async () => undefined,
  });
}

function rolloutOf(
  run: Run,
  { objects, meta }: ReleaseSet,
  isWayBack: boolean,
): Omit<RolloutOptions, 'onProgress' | 'onSettling'> {
  const { context, record, installation } = run;
  const { kube, now } = context;
  const { view } = context.monitors.watch(installation, kindsToWatch(meta.permissions));
  return {
    kube,
    view,
    namespace: installation.namespace,
    objects,
    meta,
    startedMs: Date.parse(record.status.startedAt ?? '') || now().getTime(),
    deadlineMs: deadlineOf(run, isWayBack),
    isOverFailed: isWayBack || installation.status.state === 'failed',
    evicts: !isWayBack && run.kinds.includes('restart') && mayEvict(meta.permissions),
    now,
    removePod: (pod) => removePod(run, pod, isWayBack),
    lookForOperation: () => context.journal.lookFor(record),
    signal: run.whileWorking,
  };
}

function stepContext(run: Run, isWayBack: boolean): StepContext {
  const { kube, config, now } = run.context;
  const { fieldManager } = config;
  return { kube, fieldManager, now, deadlineMs: deadlineOf(run, isWayBack), signal: run.whileWorking };
}

async function removePod(run: Run, { name, uid, how }: PodInTheWay, isWayBack: boolean): Promise<Outcome<void>> {
  const { namespace } = run.installation;
  const step = { type: how === 'evict' ? 'evict-pod' : 'remove-pod', namespace, name, uid } as const;
  const outcome = await executeStep(step, stepContext(run, isWayBack));
  if (outcome.ok) return done(undefined);
  const { reason, message } = outcome.failure;
  if (reason !== 'missing-rights') return outcome;
  const toDo = `Apply the grant of the installation again, or remove it: kubectl --namespace ${namespace} delete pod ${name}`;
  return failed(reason, sentences(message, toDo));
}
