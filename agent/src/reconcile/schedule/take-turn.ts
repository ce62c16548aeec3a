import { PAUSED_ANNOTATION } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import type { HistoryEntry, InstallationRecord } from '../../operations/installation/installation-object.ts';
import { InstallationGoneError } from '../../operations/installation/installations.ts';
import type { ScheduleStatus } from '../../operations/installation/schedule-status.ts';
import { decide } from '../../policy/decide.ts';
import { loadPolicies } from '../../policy/load-policies.ts';
import type { ReconcileContext } from '../context.ts';
import { applyPlan } from '../execute/apply-plan.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { inventoryKey, mergedInventory, objectKey } from '../plan/inventory.ts';
import { makePlan, type ObjectPlan } from '../plan/make-plan.ts';
import { orRefused, tellGoingClaim } from '../plan/plan-object.ts';
import { setInput, standingRelease } from '../plan/set-input.ts';
import { dueTurn } from './due-turn.ts';
import { checkClaims } from './turn-claims.ts';
import { findTurnedSet, standingGeneration } from '../history/standing-set.ts';

/** `held`: it could not be done, the installation says why, and it is to be tried again; `gone`: there is nothing to stop or start. */
export type Turn = 'done' | 'held' | 'gone';

/** An API or a webhook that does not answer is waited for so long: operations wait for the turn. */
const PATIENCE_MS = 60_000;

/**
 * Stops or starts an installation whose schedule says so now: of its stored set what a stop makes another one, as an operation
 * would, without rendering and without hooks. What the schedule was consented to is not asked for again; who has denied it since,
 * or paused any of that, is obeyed. After a kill it is done again from the beginning.
 */
export async function takeTurn(context: ReconcileContext, name: string, signal: AbortSignal): Promise<Turn> {
  const installation = await context.installations.read(name).catch(unlessGone);
  if (!installation) return 'gone';
  const { schedule: before } = installation.status;
  const { state, history, observedGeneration } = installation.status;
  const last = history.find(({ generation }) => generation === observedGeneration);
  const due = dueTurn(last?.runState?.schedule, before, context.now().getTime());
  if (!due) return 'done';
  if (due.isStopped === (before?.isStopped ?? false) && before?.isTurning !== true) {
    await write(context, name, due);
    return 'done';
  }
  const good = standingGeneration(installation.status);
  if (!good) return state === 'failed' ? hold(context, name, before, UNCERTAIN) : 'done';
  const refusal = await refusalOf(context, installation, signal);
  if (refusal !== undefined) return hold(context, name, before, refusal);
  installation.status.schedule = due;
  const planned = await plan(context, installation, { good, before }, signal);
  if (!planned.ok) return hold(context, name, before, planned.failure.message);
  const { turned, ...toDo } = planned.value;
  const turning = turningTo(turned, before);
  await write(context, name, turning);
  const applied = await apply(context, installation, toDo, signal);
  if (!applied.ok) return hold(context, name, turning, applied.failure.message);
  await write(context, name, turned);
  tell(context, installation, due);
  return 'done';
}

/** While not all is applied: what has not been started yet may still lose its volumes. */
function turningTo(turned: ScheduleStatus, before: ScheduleStatus | undefined): ScheduleStatus {
  const known = before?.hadClaims !== undefined && { hadClaims: before.hadClaims };
  return { ...known, ...turned, isTurning: true };
}

const UNCERTAIN =
  'an operation has failed, so it is not certain what runs. Push a version that works, or a rollback; steward start runs it meanwhile';

/** The look for drift puts it together again. */
function unlessGone(error: unknown): undefined {
  if (!(error instanceof InstallationGoneError)) throw error;
}

/** What the customer says against it: by a pause, or by a policy of a later day. */
async function refusalOf(
  { kube, config: { namespace } }: ReconcileContext,
  { name, isPaused }: InstallationRecord,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (isPaused) return paused(`installation ${name}`, namespace);
  const decision = decide('schedule', name, await loadPolicies(kube, namespace, signal));
  return decision.effect === 'deny' ? decision.message : undefined;
}

/** Of a pause, and how it is ended. `what` is as kubectl names it, `deployment web`. */
function paused(what: string, namespace: string): string {
  const end = `kubectl --namespace ${namespace} annotate ${what} ${PAUSED_ANNOTATION}-`;
  return `${what} has the annotation ${PAUSED_ANNOTATION}. To let it be stopped and started:\n${end}`;
}

function pausedObject({ kind, metadata: { name, namespace = '' } }: KubeObject): string {
  return paused(`${kind.toLowerCase()} ${name}`, namespace);
}

type TurnPlan = ObjectPlan & { turned: ScheduleStatus };

/** Only of what is another one while it is stopped: whatever else somebody changed is none of a turn's business. */
async function plan(
  context: ReconcileContext,
  installation: InstallationRecord,
  { good, before }: { good: HistoryEntry; before: ScheduleStatus | undefined },
  signal: AbortSignal,
): Promise<Outcome<TurnPlan>> {
  const found = await findTurnedSet(context, good, installation);
  if (!found.ok) return found;
  const { set, unturned, turned } = found.value;
  const keys = new Set(turned.map(objectKey));
  const helmRelease = standingRelease(installation);
  const deadlineMs = deadlineOf(context);
  const isLate = (): boolean => context.now().getTime() > deadlineMs;
  const rules = { helmRelease, isAdopting: false, mayAskLess: true, isLate, signal };
  const inventory = installation.status.inventory.filter((entry) => keys.has(inventoryKey(entry)));
  const input = { ...setInput(context, installation, helmRelease, set), ...rules, inventory };
  return orRefused(async () => {
    // Nobody is present who would save what goes with its last pod, as somebody who says stop is.
    const going = await tellGoingClaim(turned, input);
    if (going !== undefined) return failed('conflict', going);
    const planned = await makePlan({ ...input, objects: turned, replaceable: new Set() });
    if (!planned.ok) return planned;
    const held = planned.value.objects.find(({ isPaused }) => isPaused === true);
    if (held) return failed('conflict', pausedObject(held.object));
    const due = installation.status.schedule ?? { isStopped: false };
    const running = setInput(context, installation, helmRelease, due.isStopped ? unturned : set);
    const objects = running.objects.filter((object) => keys.has(objectKey(object)));
    const ours = new Map(inventory.map((entry) => [inventoryKey(entry), entry]));
    const asked = { isStop: due.isStopped, hadClaims: before?.hadClaims === good.generation };
    const checked = await checkClaims(objects, { ...running, ...rules, ours }, asked);
    if (!checked.ok) return checked;
    const known = due.isStopped && checked.value && { hadClaims: good.generation };
    return done({ ...planned.value, turned: { ...due, ...known } });
  });
}

function deadlineOf({ now }: ReconcileContext): number {
  return now().getTime() + PATIENCE_MS;
}

async function apply(
  context: ReconcileContext,
  { name, status }: InstallationRecord,
  planned: ObjectPlan,
  signal: AbortSignal,
): Promise<Outcome<void>> {
  const { kube, config, now } = context;
  const step = { kube, fieldManager: config.fieldManager, now, deadlineMs: deadlineOf(context), signal };
  // Its parts have run together before: none has to wait for another.
  const isLastFirst = status.schedule?.isStopped === true;
  const rules = { isLastFirst, leavesLate: false, untilReady: async () => done(undefined) };
  const applied = await applyPlan(planned, step, rules);
  if (!applied.ok) return applied;
  await context.installations.write(name, { inventory: mergedInventory(status.inventory, applied.value) });
  return done(undefined);
}

async function hold(
  context: ReconcileContext,
  name: string,
  status: ScheduleStatus | undefined,
  why: string,
): Promise<'held'> {
  const held = `its schedule is not kept: ${why}`.slice(0, 1_000);
  if (status?.held !== held) await write(context, name, { isStopped: false, ...status, held });
  return 'held';
}

async function write(context: ReconcileContext, name: string, status: ScheduleStatus): Promise<void> {
  await context.installations.write(name, { schedule: status });
  context.monitors.refresh(name);
}

function tell({ link, log, now }: ReconcileContext, { id, name }: InstallationRecord, due: ScheduleStatus): void {
  const kind = due.isStopped ? 'schedule.stopped' : 'schedule.started';
  const message = due.isStopped ? `${name} is stopped by its schedule until ${due.until ?? '?'}` : `${name} runs again`;
  log.info('schedule', { kind, installation: name });
  link.sendEvent({ kind, installationId: id, message, at: now().toISOString() });
}
