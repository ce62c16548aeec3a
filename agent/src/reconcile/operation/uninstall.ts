import type { ChartHook, HookEvent, OperationPhase } from '@steward/shared';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { FencedError } from '../../operations/journal/operation-store.ts';
import { writeOthers } from '../adopt/others.ts';
import { abandonHooks, tellCutShort } from '../hooks/abandon-hooks.ts';
import { momentsOf } from '../hooks/hook-moments.ts';
import { hooksAt } from '../hooks/hook-object.ts';
import { planHooks } from '../hooks/plan-hooks.ts';
import { setAsItRuns } from '../run-state/with-run-state.ts';
import { runHooks } from '../hooks/run-hooks.ts';
import { done, failed, type Failure, type Outcome } from '../outcome.ts';
import { inventoryKey, isOfService } from '../plan/inventory.ts';
import { countsOf } from '../plan/told-plan.ts';
import { sentences } from '../../sentences.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { rememberMakers } from '../volumes/load-claims.ts';
import { loadDecision, obtainConsent, type Planned } from './prepare/consent.ts';
import { endBeforeChange, endRemoved, endUnfinished, endRefused } from './run/ends.ts';
import { loadLastGood } from './last-good.ts';
import { awaitRights } from './prepare/rights.ts';
import { keepClaims, tellWhatGoesBeside } from './removal/claims-in-deletion.ts';
import { describeRemoval, hookRefused, leftOver, waysOn } from './removal/describe-removal.ts';
import { planRemoval, withinAgreed, type Removal } from './removal/plan-removal.ts';
import type { Going } from './removal/removal-order.ts';
import { remove } from './removal/remove.ts';
import { hasBegunToGo, hasRemovedNothing, noteRemoval, takeBackNote, wasWhole } from './removal/what-went.ts';
import { deadlineOf } from './run/deadline.ts';
import type { Run } from './run/run.ts';

/** Of the removal itself; hooks have the time of the release. */
const REMOVAL_MS = 10 * 60_000;

/** Removes an installation; what cannot be had again stays unless it was asked for. Safe to begin again after a kill. */
export async function uninstall(run: Run): Promise<void> {
  const { status } = run.installation;
  if (run.record.status.state !== 'running') await takeBackNote(run, status.inventory, run.untilWriting);
  const set = await loadSet(run);
  if (run.record.status.state !== 'running') {
    const agreed = await prepare(run, set);
    if (!agreed.ok) return endRefused(run, agreed.failure);
    await rememberMakers(run, agreed.value.plan.makers);
    await begin(run, set, agreed.value);
  }
  await run.write({});
  const begun = await beforeRemoval(run, set);
  if (!begun.ok) return endFailed(run, begun.failure, begun.failure.reason === 'cancelled' || wasWhole(run));
  const left = await carryOut(run, set);
  if (!left.ok) return endFailed(run, left.failure, wasWhole(run) && (await hasRemovedNothing(run)));
  const { stays, others } = left.value;
  await writeOthers(run, others);
  const rest = leftOver(stays, run.installation.namespace, others.length > 0);
  const message = sentences(`${run.title} is done`, ...tellWhatGoesBeside(left.value), rest);
  await endRemoved(run, { stays, message });
}

async function begin(run: Run, set: ReleaseSet | undefined, { told, plan }: Planned<Removal>): Promise<void> {
  const hasHooks = set !== undefined && hooksAt(set.hooks, momentsOf(run)?.before).length > 0;
  await run.begin({
    phase: hasHooks ? 'pre-hooks' : 'apply',
    message: `${hasHooks ? 'running hooks before' : 'removing'}: ${countsOf(told.changes)}`,
    told,
    reach: plan.goes.map(({ entry }) => inventoryKey(entry)),
    lastsMs: hasHooks ? hooksMs(set) : REMOVAL_MS,
  });
}

function hooksMs({ meta }: ReleaseSet): number {
  return meta.deadlineSeconds * 1_000;
}

/** The hooks before it. Until they are done it can be cancelled, which leaves all as it runs, whatever was to become of it. */
async function beforeRemoval(run: Run, set: ReleaseSet | undefined): Promise<Outcome<void>> {
  if (run.record.status.phase !== 'pre-hooks') return done(undefined);
  try {
    const ran = set ? await runHooksAt(run, set, momentsOf(run)?.before, 'pre-hooks') : await endHooksWithoutSet(run);
    run.goForGood();
    if (!ran.ok) return ran;
  } catch (error) {
    if (!run.halted || run.signal.aborted || error instanceof FencedError) throw error;
    await abandonHooks(run, run.halted);
    return failed('cancelled', sentences(run.halted.message, ...tellCutShort(run)));
  }
  await enter(run, { phase: 'apply', message: 'hooks are done; removing', lastsMs: REMOVAL_MS });
  // That all runs as it did is said no more.
  await run.write({});
  return done(undefined);
}

/** What they back up is not removed while one of them still runs, and what was cut short is not said to be done. */
async function endHooksWithoutSet(run: Run): Promise<Outcome<never>> {
  const message = 'its stored set was removed or altered while its hooks ran, so they cannot go on';
  await abandonHooks(run, run.halted ?? { message });
  return failed('lost-track', message);
}

/** What was applied and what holds its claims, the hooks after it, and then what hooks made. @returns the plan as it was carried out */
async function carryOut(run: Run, set: ReleaseSet | undefined): Promise<Outcome<Removal>> {
  // Before the removal, whose waiting says another phase.
  const isCutShort = !set && inLastHooks(run);
  const removal = await keepClaims(run, await planAgreed(run), set);
  if (!removal.ok) return removal;
  const { value: agreed } = removal;
  // What goes now is no failure of the service.
  run.context.monitors.end(run.installation.name);
  const applied = agreed.goes.filter((going) => going.entry.hook === undefined || isHolderOfBefore(run, going));
  const wasNoted = hasBegunToGo(run);
  const removed = await run.span('remove', () =>
    remove(run, { goes: applied }, (group) => (group.some(isOfService) ? noteRemoval(run) : Promise.resolve())),
  );
  if (!removed.ok) {
    if (!wasNoted) await takeBackNote(run, entriesOf(applied), run.signal);
    return removed;
  }
  // Of a service of which nothing runs by itself, too: what its first hooks need is gone.
  if (!hasBegunToGo(run) && !(await hasRemovedNothing(run))) await noteRemoval(run);
  const after = momentsOf(run)?.after;
  const ended = isCutShort ? await endHooksWithoutSet(run) : await runHooksAt(run, set, after, 'post-hooks');
  if (!ended.ok) return ended;
  return run.installation.status.inventory.some(({ hook }) => hook !== undefined)
    ? removeMade(run, agreed)
    : done(agreed);
}

/** Of one that is not all done: the hooks after the removal were begun, and which of them is still to come only their set tells. */
function inLastHooks(run: Run): boolean {
  const { phase, hooks = [] } = run.record.status;
  const after = momentsOf(run)?.after;
  const isOpen = hooks.some(({ event, state }) => event === after && state !== 'succeeded');
  // Its end empties the history: without one that end is written, or it never was whole.
  return run.installation.status.history.length > 0 && (phase === 'post-hooks' || isOpen);
}

/** What a hook has run that would hold a claim up; but for the hooks after, which an earlier life may have begun. */
function isHolderOfBefore(run: Run, { entry, holds }: Going): boolean {
  const { hooks = [] } = run.record.status;
  const isAfter = hooks.some(({ event, name }) => event === momentsOf(run)?.after && name === entry.name);
  return holds && !isAfter;
}

/** What hooks made, by a plan of its own: those after the removal may have made a claim that is to stay. */
async function removeMade(run: Run, { inDeletion, follows }: Removal): Promise<Outcome<Removal>> {
  await enter(run, { phase: 'roll-out', message: 'removing what hooks made', lastsMs: REMOVAL_MS });
  const removal = await planAgreed(run);
  if (!removal.ok) return removal;
  const made = removal.value.goes.filter(({ entry }) => entry.hook !== undefined);
  const removed = await remove(run, { goes: made });
  return removed.ok ? done({ ...removal.value, inDeletion, follows }) : removed;
}

async function planAgreed(run: Run): Promise<Outcome<Removal>> {
  const removal = await planRemoval(run, run.signal);
  return removal.ok ? done(withinAgreed(removal.value, run.record.status.reach)) : removal;
}

function entriesOf(goes: readonly Going[]): InventoryEntry[] {
  return goes.map(({ entry }) => entry);
}

/** The next part has a time of its own. */
async function enter(
  run: Run,
  { phase, message, lastsMs }: { phase: OperationPhase; message: string; lastsMs: number },
): Promise<void> {
  const deadlineAt = new Date(run.context.now().getTime() + lastsMs).toISOString();
  await run.move({ state: 'running', phase, message, also: { deadlineAt } });
}

async function endFailed(run: Run, failure: Failure, isAsItRan: boolean): Promise<void> {
  const { reason, message } = failure;
  const more = waysOn(run, reason);
  if (!isAsItRan) return endUnfinished(run, { reason, message: sentences(message, ...more) });
  run.context.monitors.watch(run.installation, run.installation.status.watched);
  await endBeforeChange(run, failure, more);
}

async function runHooksAt(
  run: Run,
  set: ReleaseSet | undefined,
  event: HookEvent | undefined,
  phase: OperationPhase,
): Promise<Outcome<void>> {
  if (!set || event === undefined || hooksAt(set.hooks, event).length === 0) return done(undefined);
  if (phase === 'post-hooks' && run.record.status.phase !== phase)
    await enter(run, { phase, message: 'removed; running hooks after', lastsMs: hooksMs(set) });
  return run.span(phase, () => runHooks(run, set, { event, phase, deadlineMs: deadlineOf(run, false) }));
}

/**
 * Of the last good generation: what never was whole, or whose set somebody removed, goes without hooks. Those before it do not run
 * again once an earlier try has begun to remove what runs: they would need what is gone.
 */
async function loadSet(run: Run): Promise<ReleaseSet | undefined> {
  const [good] = run.installation.status.history;
  const stored = await loadLastGood(run);
  if (!stored || !good) return undefined;
  const set = setAsItRuns(stored, good);
  return !hasBegunToGo(run) ? set : { ...set, hooks: withoutMoment(set.hooks, momentsOf(run)?.before) };
}

function withoutMoment(hooks: readonly ChartHook[], event: HookEvent | undefined): ChartHook[] {
  return hooks.map((hook) => ({ ...hook, events: hook.events.filter((one) => one !== event) }));
}

async function prepare(run: Run, set: ReleaseSet | undefined): Promise<Outcome<Planned<Removal>>> {
  const decision = await loadDecision(run);
  if (!decision.ok) return decision;
  const { deleteVolumes } = run.record.spec.desired;
  if (set) await awaitRights(run, set.meta.permissions, { deletesVolumes: deleteVolumes === true });
  await run.move({ state: run.record.status.state, phase: 'plan', message: `looking at what is there: ${run.title}` });
  const replan = async (): Promise<Outcome<Planned<Removal>>> => {
    const removal = await keepClaims(run, await planRemoval(run, run.untilWriting), set);
    if (!removal.ok) return removal;
    await writeOthers(run, removal.value.others);
    const hooks = set ? await planHooks(run, set) : done([]);
    if (!hooks.ok) return hookRefused(run, hooks.failure);
    return done({ plan: removal.value, told: describeRemoval(run, removal.value, hooks.value) });
  };
  const planned = await run.span('plan', replan);
  return planned.ok ? run.span('approve', () => obtainConsent(run, planned.value, replan)) : planned;
}
