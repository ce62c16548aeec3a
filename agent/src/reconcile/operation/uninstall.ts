import type { ChartHook, HookEvent, OperationPhase, OperationPlan } from '@steward/shared';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { FencedError } from '../../operations/journal/operation-store.ts';
import { writeOthers } from '../adopt/others.ts';
import { abandonHooks } from '../hooks/abandon-hooks.ts';
import { momentsOf } from '../hooks/hook-moments.ts';
import { hooksAt } from '../hooks/hook-object.ts';
import { planHooks } from '../hooks/plan-hooks.ts';
import { setAsItRuns } from '../run-state/with-run-state.ts';
import { runHooks } from '../hooks/run-hooks.ts';
import { done, failed, type Failure, type Outcome } from '../outcome.ts';
import { isClaim } from '../plan/claims.ts';
import { entryName, inventoryKey, isOfService, namesByKind } from '../plan/inventory.ts';
import { countsOf, goesByOwners, toldPlan, wavesSentence } from '../plan/told-plan.ts';
import { sentences } from '../../sentences.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { rememberMakers } from '../volumes/load-claims.ts';
import { loadDecision, obtainConsent, type Planned } from './prepare/consent.ts';
import { endBeforeChange, endRemoved, endUnfinished, endRefused } from './run/ends.ts';
import { loadLastGood } from './last-good.ts';
import { keepClaims, tellLost } from './removal/claims-in-deletion.ts';
import { awaitRights } from './prepare/rights.ts';
import { planRemoval, remove, withinAgreed, type Removal } from './removal/plan-removal.ts';
import { isClaimEntry, type Going } from './removal/removal-order.ts';
import { deadlineOf } from './run/deadline.ts';
import type { Run } from './run/run.ts';
import { hasBegunToGo, hasRemovedNothing, noteRemoval, takeBackNote, wasWhole } from './removal/what-went.ts';

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
  const message = sentences(`${run.title} is done`, ...tellLost(left.value), rest);
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
    const ran = set ? await runHooksAt(run, set, momentsOf(run)?.before, 'pre-hooks') : await abandonLost(run);
    run.goForGood();
    if (!ran.ok) return ran;
  } catch (error) {
    if (!run.halted || run.signal.aborted || error instanceof FencedError) throw error;
    await abandonHooks(run, run.halted);
    return failed('cancelled', run.halted.message);
  }
  await enter(run, { phase: 'apply', message: 'hooks are done; removing', lastsMs: REMOVAL_MS });
  // That all runs as it did is said no more.
  await run.write({});
  return done(undefined);
}

/** What they back up is not removed while one of them still runs, and what was cut short is not said to be done. */
async function abandonLost(run: Run): Promise<Outcome<never>> {
  const message = 'its stored set was removed or altered while its hooks ran, so they cannot go on';
  await abandonHooks(run, run.halted ?? { message });
  return failed('lost-track', message);
}

/** What was applied and what holds its claims, the hooks after it, and then what hooks made. @returns what stays */
async function carryOut(run: Run, set: ReleaseSet | undefined): Promise<Outcome<Removal>> {
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
  const ended = isCutShort ? await abandonLost(run) : await runHooksAt(run, set, after, 'post-hooks');
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
  return run.installation.status.history.length > 0 && (phase === 'post-hooks' || isOpen);
}

/** What a hook has run that would hold a claim up; but for the hooks after, which an earlier life may have begun. */
function isHolderOfBefore(run: Run, { entry, holds }: Going): boolean {
  const { hooks = [] } = run.record.status;
  const isAfter = hooks.some(({ event, name }) => event === momentsOf(run)?.after && name === entry.name);
  return holds && !isAfter;
}

/** What hooks made, by a plan of its own: those after the removal may have made a claim that is to stay. */
async function removeMade(run: Run, { lost, follows }: Removal): Promise<Outcome<Removal>> {
  await enter(run, { phase: 'roll-out', message: 'removing what hooks made', lastsMs: REMOVAL_MS });
  const removal = await planAgreed(run);
  if (!removal.ok) return removal;
  const made = removal.value.goes.filter(({ entry }) => entry.hook !== undefined);
  const removed = await remove(run, { goes: made });
  return removed.ok ? done({ ...removal.value, lost, follows }) : removed;
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

/** What a person can do about hooks of an uninstall that fail, also where they never can end well. */
function waysOn(run: Run, reason: Failure['reason']): string[] {
  const { name } = run.installation;
  if (reason === 'lost-track') return [`Uninstall it again, then without any hook: steward uninstall ${name}`];
  if (reason !== 'hook-failed' && reason !== 'hook-lost') return [];
  // A push after the removal would first make the whole service again.
  const again =
    run.record.status.phase === 'pre-hooks'
      ? `Give it what it lacks (of a service that is stopped: steward start ${name}), or push a version whose hook can end well, and uninstall again`
      : `Give it what it lacks and uninstall again: steward uninstall ${name}`;
  return [again, ...withoutHooks(run)];
}

function withoutHooks({ installation: { status }, context }: Run): string[] {
  const [secret] = status.history[0]?.renderRef.split(' ') ?? [];
  const how = `kubectl --namespace ${context.config.namespace} delete secret ${secret}`;
  return secret === undefined ? [] : [`To uninstall without any hook, delete its stored set first: ${how}`];
}

/** What the cluster does not let a hook make it may never. */
function hookRefused(run: Run, { reason, message }: Failure): Outcome<never> {
  const isForGood = reason === 'apply-refused' || reason === 'kind-not-permitted';
  return failed(reason, isForGood ? sentences(message, ...withoutHooks(run)) : message);
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
    return done({ plan: removal.value, told: describe(run, removal.value, hooks.value) });
  };
  const planned = await run.span('plan', replan);
  return planned.ok ? run.span('approve', () => obtainConsent(run, planned.value, replan)) : planned;
}

function describe(run: Run, removal: Removal, hooks: OperationPlan['changes']): OperationPlan {
  const { goes, stays, follows, others } = removal;
  const changes = [
    ...goes.map(({ entry }) => ({ action: 'delete' as const, object: entryName(entry) })),
    ...follows.map(goesByOwners),
    ...stays.map((entry) => ({ action: 'keep' as const, object: entryName(entry) })),
  ];
  const kept = follows.some(isClaim) ? 'Other volumes stay.' : 'Volumes stay.';
  const removed = stays.some(isClaimEntry)
    ? 'Volumes and what is in them are removed, but for those of what stays.'
    : 'Volumes and what is in them are removed.';
  const volumes = run.record.spec.desired.deleteVolumes ? removed : kept;
  const placed = goes.map(({ entry, wave }) => ({ wave, name: entryName(entry) }));
  const waves = wavesSentence(placed, { isLastFirst: true, until: 'gone' });
  const alien = others.length > 0 ? [OTHERS_STAY] : [];
  const again = hasBegunToGo(run)
    ? ['An earlier try has begun to remove what runs: hooks before an uninstall do not run again']
    : [];
  const more = [...tellLost(removal), ...alien, ...again];
  const summary = sentences(`${run.title}: ${countsOf(changes)}`, ...waves, volumes, ...more);
  return toldPlan(summary, [...hooks, ...changes]);
}

/** Which these are only the customer is told, by the Operation in the cluster; and not how many: see others.ts. */
const OTHERS_STAY = "What is in the namespace and is not this installation's stays, with its volumes";

function leftOver(stays: readonly InventoryEntry[], namespace: string, hasOthers: boolean): string {
  const lines = hasOthers ? [] : [`kubectl delete namespace ${namespace}`];
  if (stays.length === 0 && hasOthers) return `${OTHERS_STAY}; so does the namespace.`;
  if (stays.length === 0)
    return `Only the namespace stays; if nothing else of yours is in it, to remove it:\n${lines.join('\n')}`;
  for (const [kind, names] of namesByKind(stays))
    lines.unshift(`kubectl --namespace ${namespace} delete ${kind} ${names}`);
  const text = `These stay with what is in them, to be removed by you when nobody needs them any more:\n${lines.join('\n')}`;
  return hasOthers ? `${text}\n${OTHERS_STAY}; so does the namespace.` : text;
}
