import { setTimeout as delay } from 'node:timers/promises';
import { waveOf, type HookEvent, type OperationPhase, type OperationPlan } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import type { ClaimMaker } from '../../collect/objects/storage.ts';
import type { KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { nameOf } from '../../kube/object.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { persist } from '../../operations/persist.ts';
import { loadOthers, writeOthers } from '../adopt/others.ts';
import { executeStep } from '../execute/steps.ts';
import { momentsOf } from '../hooks/hook-moments.ts';
import { hooksAt } from '../hooks/hook-object.ts';
import { planHooks } from '../hooks/plan-hooks.ts';
import { setAsItRuns } from '../run-state/with-run-state.ts';
import { runHooks } from '../hooks/run-hooks.ts';
import { allOf, done, failed, type Outcome } from '../outcome.ts';
import { entryName, entryOf, inventoryKey, reasonToKeep } from '../plan/inventory.ts';
import { inOrderOfRemoval } from '../plan/kind-order.ts';
import { orRefused, refuse as refuseEntry } from '../plan/plan-object.ts';
import { agreedBy } from '../plan/reach.ts';
import { inParallel } from '../../parallel.ts';
import { countsOf, toldPlan, wavesSentence } from '../plan/told-plan.ts';
import { sentences } from '../../sentences.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { loadClaims, rememberMakers } from '../volumes/load-claims.ts';
import { loadDecision, obtainConsent, type Planned } from './prepare/consent.ts';
import { endRemoved, endUnfinished, refuse } from './run/ends.ts';
import { deadlineOf, isOverdue } from './run/deadline.ts';
import type { Run } from './run/run.ts';

/** With the wave that it is of: as it lives, since the inventory does not have it. */
interface Going {
  entry: InventoryEntry;
  wave: number;
}

interface Removal {
  goes: Going[];
  stays: InventoryEntry[];
  /** What is in the namespace and is not this installation's: nobody's business but the customer's. */
  others: string[];
  makers: ClaimMaker[];
}

const DEADLINE_MS = 10 * 60_000;
const FIRST_LOOK_MS = 200;
const MAX_LOOK_MS = 2_000;
const WIDTH = 4;
const CLAIM = WATCHED.PersistentVolumeClaim.ref;

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

async function planRemoval(run: Run, signal: AbortSignal): Promise<Outcome<Removal>> {
  const { deleteVolumes } = run.record.spec.desired;
  const entries = new Map(run.installation.status.inventory.map((entry) => [inventoryKey(entry), entry]));
  const { own, others, makers } = await loadClaims(run, signal);
  const { inventory: applied } = run.installation.status;
  const workloads = await loadOthers(run, { applied, makers, signal });
  for (const claim of own) {
    const entry = entryOf(CLAIM, claim, claim.metadata.uid);
    entries.set(inventoryKey(entry), entry);
  }
  const looked = await loadAll(run, [...entries.values()], signal);
  if (!looked.ok) return looked;
  const found = looked.value.map(({ entry, live }) => {
    const isVolume = entry.kind === CLAIM.kind;
    const keep = isVolume ? !deleteVolumes : reasonToKeep(entry.kind, live?.metadata.annotations) !== undefined;
    return { entry, keep, wave: live ? waveOf(live) : 0 };
  });
  return done({
    goes: found.filter(({ keep }) => !keep).map(({ entry, wave }) => ({ entry, wave })),
    stays: found.filter(({ keep }) => keep).map(({ entry }) => entry),
    others: [...workloads, ...others.map(nameOf)],
    makers,
  });
}

/** What came since the plan was agreed to stays, but for what hooks of this very operation made. */
function withinAgreed(removal: Removal, reach: readonly string[] | undefined): Removal {
  const { goes, stays } = removal;
  const isInPlan = agreedBy(reach);
  const isAgreed = ({ entry }: Going): boolean => entry.hook !== undefined || isInPlan(inventoryKey(entry));
  const came = goes.filter((going) => !isAgreed(going)).map(({ entry }) => entry);
  return { ...removal, goes: goes.filter(isAgreed), stays: [...stays, ...came] };
}

/** What lives of these; null is what may not be looked at. An API that does not answer is waited for until the deadline. */
async function loadAll(
  run: Run,
  entries: readonly InventoryEntry[],
  signal: AbortSignal,
): Promise<Outcome<{ entry: InventoryEntry; live: KubeObject | null }[]>> {
  return orRefused(async () => {
    const found = await inParallel(entries, WIDTH, async (entry) => {
      const live = await load(run, entry, signal);
      return live === undefined ? undefined : { entry, live };
    });
    return done(found.filter((one) => one !== undefined));
  });
}

/** Undefined when it is gone or another one. @throws Refused */
async function load(run: Run, entry: InventoryEntry, signal: AbortSignal): Promise<KubeObject | undefined | null> {
  const { kube } = run.context;
  const { namespace, name, uid } = entry;
  const patience = { isLate: () => isOverdue(run, false) };
  try {
    const ref = await persist(() => kube.servedAs(entry), signal, patience);
    if (!ref) return undefined;
    const live = await persist(() => kube.get(ref, namespace, name, { signal }), signal, patience);
    return live && (uid === undefined || uid === live.metadata.uid) ? live : undefined;
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return null;
    return refuseEntry(error, entryName(entry));
  }
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

/** The last wave first, workloads before what they use, each kind gone before the next. */
async function remove(run: Run, { goes }: Pick<Removal, 'goes'>): Promise<Outcome<void>> {
  const { kube, config, now } = run.context;
  const { signal } = run;
  const order = { waveOf: ({ wave }: Going) => wave, kindOf: ({ entry }: Going) => entry.kind };
  for (const going of inOrderOfRemoval(goes, order)) {
    const group = going.map(({ entry }) => entry);
    const context = { kube, fieldManager: config.fieldManager, signal, now, deadlineMs: deadlineOf(run, false) };
    const outcomes = await inParallel(group, WIDTH, (entry) =>
      executeStep({ type: 'remove', entry, propagation: 'Foreground' }, context),
    );
    const removed = allOf(outcomes);
    if (!removed.ok) return removed;
    const gone = await awaitGone(run, group);
    if (!gone.ok) return gone;
  }
  return done(undefined);
}

async function awaitGone(run: Run, group: readonly InventoryEntry[]): Promise<Outcome<void>> {
  const deadlineMs = deadlineOf(run, false);
  let left = [...group];
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, MAX_LOOK_MS)) {
    const found = await loadAll(run, left, run.signal);
    if (!found.ok) return found;
    left = found.value.filter(({ live }) => live !== null).map(({ entry }) => entry);
    if (left.length === 0) return done(undefined);
    const names = left.map(entryName).slice(0, 5);
    if (run.context.now().getTime() > deadlineMs) {
      const message = `${names.join(', ')} did not go before the deadline; a finalizer may hold it up`;
      return failed('rollout-deadline', message);
    }
    const message = `waiting until these are gone: ${names.join(', ')}`;
    if (run.record.status.message !== message) await run.move({ state: 'running', phase: 'roll-out', message });
    await delay(waitMs, undefined, { signal: run.signal });
  }
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
