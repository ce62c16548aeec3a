import type { HookEvent, OperationPhase, OperationPlan } from '@steward/shared';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { writeOthers } from '../adopt/others.ts';
import { momentsOf } from '../hooks/hook-moments.ts';
import { hooksAt } from '../hooks/hook-object.ts';
import { planHooks } from '../hooks/plan-hooks.ts';
import { setAsItRuns } from '../run-state/with-run-state.ts';
import { runHooks } from '../hooks/run-hooks.ts';
import { done, type Outcome } from '../outcome.ts';
import { entryName, inventoryKey } from '../plan/inventory.ts';
import { countsOf, toldPlan, wavesSentence } from '../plan/told-plan.ts';
import { sentences } from '../../sentences.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { rememberMakers } from '../volumes/load-claims.ts';
import { loadDecision, obtainConsent, type Planned } from './prepare/consent.ts';
import { endRemoved, endUnfinished, refuse } from './run/ends.ts';
import { planRemoval, remove, withinAgreed, type Removal } from './removal.ts';
import { deadlineOf } from './run/deadline.ts';
import type { Run } from './run/run.ts';

const DEADLINE_MS = 10 * 60_000;

/** Removes an installation; what cannot be had again stays unless it was asked for. Safe to begin again after a kill. */
export async function uninstall(run: Run): Promise<void> {
  if (run.record.status.state !== 'running') {
    const agreed = await prepare(run);
    if (!agreed.ok) return refuse(run, agreed.failure);
    const { told, plan } = agreed.value;
    await rememberMakers(run, plan.makers);
    const message = `removing: ${countsOf(told.changes)}`;
    const reach = plan.goes.map(({ entry }) => inventoryKey(entry));
    await run.begin({ phase: 'apply', message, told, reach, lastsMs: DEADLINE_MS });
  }
  await run.write({});
  // What goes now is no failure of the service.
  run.context.monitors.end(run.installation.name);
  const left = await carryOut(run);
  if (!left.ok) return endUnfinished(run, left.failure);
  const { stays, others } = left.value;
  await writeOthers(run, others);
  const message = `${run.title} is done. ${leftOver(stays, run.installation.namespace, others.length > 0)}`;
  await endRemoved(run, { stays, message });
}

/** Hooks, what was applied, hooks, and then what the hooks made. @returns what stays */
async function carryOut(run: Run): Promise<Outcome<Pick<Removal, 'stays' | 'others'>>> {
  const set = await loadSet(run);
  const moments = momentsOf(run);
  const begun = await runHooksAt(run, set, moments?.before, 'pre-hooks');
  if (!begun.ok) return begun;
  const removal = await planRemoval(run, run.signal);
  if (!removal.ok) return removal;
  const { goes, stays, others } = withinAgreed(removal.value, run.record.status.reach);
  const removed = await run.span('remove', () =>
    remove(run, { goes: goes.filter(({ entry }) => entry.hook === undefined) }),
  );
  if (!removed.ok) return removed;
  const ended = await runHooksAt(run, set, moments?.after, 'post-hooks');
  if (!ended.ok) return ended;
  const kept = new Set(stays.map(inventoryKey));
  const made = run.installation.status.inventory.filter((entry) => entry.hook !== undefined);
  const left = made.filter((entry) => !kept.has(inventoryKey(entry)));
  const cleared = await remove(run, { goes: left.map((entry) => ({ entry, wave: 0 })) });
  return cleared.ok ? done({ stays, others }) : cleared;
}

async function runHooksAt(
  run: Run,
  set: ReleaseSet | undefined,
  event: HookEvent | undefined,
  phase: OperationPhase,
): Promise<Outcome<void>> {
  if (!set || event === undefined || hooksAt(set.hooks, event).length === 0) return done(undefined);
  return run.span(phase, () => runHooks(run, set, { event, phase, deadlineMs: deadlineOf(run, false) }));
}

/** Of the last good generation: what never was whole, or whose set somebody removed, goes without hooks. */
async function loadSet({ context, installation, signal }: Run): Promise<ReleaseSet | undefined> {
  const [good] = installation.status.history;
  if (!good) return undefined;
  try {
    return setAsItRuns(await context.renders.load(good.renderRef), good);
  } catch (error) {
    signal.throwIfAborted();
    context.log.warn('an uninstall goes on without hooks', { installation: installation.name, error });
    return undefined;
  }
}

async function prepare(run: Run): Promise<Outcome<Planned<Removal>>> {
  const decision = await loadDecision(run);
  if (!decision.ok) return decision;
  await run.move({ state: run.record.status.state, phase: 'plan', message: `looking at what is there: ${run.title}` });
  const replan = async (): Promise<Outcome<Planned<Removal>>> => {
    const removal = await planRemoval(run, run.untilWriting);
    if (!removal.ok) return removal;
    await writeOthers(run, removal.value.others);
    const set = await loadSet(run);
    const hooks = set ? await planHooks(run, set) : done([]);
    return hooks.ok ? done({ plan: removal.value, told: describe(run, removal.value, hooks.value) }) : hooks;
  };
  const planned = await run.span('plan', replan);
  return planned.ok ? run.span('approve', () => obtainConsent(run, planned.value, replan)) : planned;
}

function describe(run: Run, { goes, stays, others }: Removal, hooks: OperationPlan['changes']): OperationPlan {
  const changes = [
    ...goes.map(({ entry }) => ({ action: 'delete' as const, object: entryName(entry) })),
    ...stays.map((entry) => ({ action: 'keep' as const, object: entryName(entry) })),
  ];
  const volumes = run.record.spec.desired.deleteVolumes ? 'Volumes and what is in them are removed.' : 'Volumes stay.';
  const placed = goes.map(({ entry, wave }) => ({ wave, name: entryName(entry) }));
  const waves = wavesSentence(placed, { isLastFirst: true, until: 'gone' });
  const alien = others.length > 0 ? [OTHERS_STAY] : [];
  const summary = sentences(`${run.title}: ${countsOf(changes)}`, ...waves, volumes, ...alien);
  return toldPlan(summary, [...hooks, ...changes]);
}

/** Which these are only the customer is told, by the Operation in the cluster; and not how many: see others.ts. */
const OTHERS_STAY = "What is in the namespace and is not this installation's stays, with its volumes";

function leftOver(stays: readonly InventoryEntry[], namespace: string, hasOthers: boolean): string {
  const lines = hasOthers ? [] : [`kubectl delete namespace ${namespace}`];
  if (stays.length === 0 && hasOthers) return `${OTHERS_STAY}; so does the namespace.`;
  if (stays.length === 0)
    return `Only the namespace stays; if nothing else of yours is in it, to remove it:\n${lines.join('\n')}`;
  for (const [kind, entries] of Map.groupBy(stays, ({ kind: known }) => known)) {
    const names = entries.map(({ name }) => name).join(' ');
    lines.unshift(`kubectl --namespace ${namespace} delete ${kind.toLowerCase()} ${names}`);
  }
  const text = `These stay with what is in them, to be removed by you when nobody needs them any more:\n${lines.join('\n')}`;
  return hasOthers ? `${text}\n${OTHERS_STAY}; so does the namespace.` : text;
}
