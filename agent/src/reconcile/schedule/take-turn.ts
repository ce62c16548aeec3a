import type { HistoryEntry, InstallationRecord } from '../../operations/installation/installation-object.ts';
import { InstallationGoneError } from '../../operations/installation/installations.ts';
import type { ScheduleStatus } from '../../operations/installation/schedule-status.ts';
import { decide } from '../../policy/decide.ts';
import { loadPolicies } from '../../policy/load-policies.ts';
import type { ReconcileContext } from '../context.ts';
import { applyPlan } from '../execute/apply-plan.ts';
import { done, type Outcome } from '../outcome.ts';
import { mergedInventory } from '../plan/inventory.ts';
import { makePlan } from '../plan/make-plan.ts';
import { setInput, standingRelease } from '../plan/set-input.ts';
import { dueTurn } from './due-turn.ts';
import { findStandingSet, standingGeneration } from '../history/standing-set.ts';

/** `held`: it could not be done, the installation says why, and it is to be tried again; `gone`: there is nothing to stop or start. */
export type Turn = 'done' | 'held' | 'gone';

/**
 * Stops or starts an installation whose schedule says so now: its stored set, as an operation would, without rendering and
 * without hooks. What the schedule was consented to is not asked for again; who has denied it since is obeyed. After a kill it
 * is done again from the beginning.
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
  const policies = await loadPolicies(context.kube, context.config.namespace, signal);
  const decision = decide('schedule', name, policies);
  if (decision.effect === 'deny') return hold(context, name, before, decision.message);
  const turning = { ...due, isTurning: true };
  await write(context, name, turning);
  installation.status.schedule = due;
  const applied = await apply(context, installation, good, signal);
  if (!applied.ok) return hold(context, name, turning, applied.failure.message);
  await write(context, name, due);
  tell(context, installation, due);
  return 'done';
}

const UNCERTAIN =
  'an operation has failed, so it is not certain what runs. Push a version that works, or a rollback; steward start runs it meanwhile';

/** The look for drift puts it together again. */
function unlessGone(error: unknown): undefined {
  if (!(error instanceof InstallationGoneError)) throw error;
}

async function apply(
  context: ReconcileContext,
  installation: InstallationRecord,
  good: HistoryEntry,
  signal: AbortSignal,
): Promise<Outcome<void>> {
  const { kube, config, now } = context;
  const { name, status } = installation;
  const found = await findStandingSet(context, good, installation);
  if (!found.ok) return found;
  const set = found.value;
  const helmRelease = standingRelease(installation);
  const plan = await makePlan({
    ...setInput(context, installation, helmRelease, set),
    helmRelease,
    isAdopting: false,
    replaceable: new Set(),
    mayAskLess: true,
    signal,
  });
  if (!plan.ok) return plan;
  const deadlineMs = now().getTime() + set.meta.deadlineSeconds * 1_000;
  const step = { kube, fieldManager: config.fieldManager, now, deadlineMs, signal };
  // Its parts have run together before: none has to wait for another.
  const isLastFirst = status.schedule?.isStopped === true;
  const rules = { isLastFirst, leavesLate: false, untilReady: async () => done(undefined) };
  const applied = await applyPlan(plan.value, step, rules);
  if (!applied.ok) return applied;
  const hooked = status.inventory.filter(({ hook }) => hook !== undefined);
  await context.installations.write(name, { inventory: mergedInventory(hooked, applied.value) });
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
