import type { DesiredState } from '@steward/shared';
import { apiVersionOf } from '../../kube/object.ts';
import {
  InstallationGoneError,
  type InstallationSummary,
  type StatusPatch,
} from '../../operations/installation/installations.ts';
import {
  MAX_HISTORY,
  type HistoryEntry,
  type InstallationRecord,
  type InstallationStatus,
  type InventoryEntry,
} from '../../operations/installation/installation-object.ts';
import type { OperationRecord } from '../../operations/journal/operation-object.ts';
import type { ReconcileContext } from '../context.ts';
import { endpointsOf } from '../endpoints.ts';
import { irreversiblyRun } from '../hooks/hook-moments.ts';
import { kindsToWatch } from '../monitors.ts';
import { inParallel } from '../../parallel.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { LostSetError } from '../render/render-store.ts';
import { makersIn, mergedMakers } from '../volumes/claim-makers.ts';
import { withCounter } from './good-generations.ts';
import { liveInventory, ownLive } from './live-inventory.ts';
import { pointOf } from './point-of-no-return.ts';

/** Good generations are seldom further apart: a remedy takes the place of the one before. */
const LOOK_BACK = 40;
const WIDTH = 4;

interface Wanted {
  before: number;
  /** What it has applied and run, where it has begun to, is there too. */
  record?: OperationRecord;
  signal: AbortSignal;
}

/** Also one that somebody deleted: it is made again, and filled with what the stored sets of generations before that one tell. */
export async function readOrRestore(
  context: ReconcileContext,
  name: string,
  wanted: Wanted,
): Promise<InstallationRecord> {
  const { installations } = context;
  const found = await installations.read(name).catch(async (error: unknown) => {
    if (!(error instanceof InstallationGoneError)) throw error;
    await installations.recreate(name);
    return installations.read(name);
  });
  const status = isBlank(found.status) ? await restoreStatus(context, found, wanted) : undefined;
  if (!status) return found;
  await installations.write(name, status);
  return installations.read(name);
}

/** A backup brought its Installation here without the status, or some of its operations. */
export function isRestored({ journal }: ReconcileContext, { id, generation }: InstallationSummary): boolean {
  return journal.isRestored(id) || (generation === 0 && journal.highestGeneration(id) > 0);
}

/** As `accept`, also of one that somebody deleted: it is to be read by {@link readOrRestore} before anything is written into it. */
export async function acceptOrRemake(
  { installations, journal }: ReconcileContext,
  desired: DesiredState,
): Promise<void> {
  const noted = journal.formerIds(desired.name);
  await installations.accept(desired, noted).catch(async (error: unknown) => {
    if (!(error instanceof InstallationGoneError)) throw error;
    await installations.recreate(desired.name);
    await installations.accept(desired, noted);
  });
}

/**
 * Before anything else is done about what a backup brought: an Installation without its status is put together as a deleted one
 * is, and watched; one that has it gets to know its objects by the uids that they have now.
 */
export async function settleRestored(context: ReconcileContext, name: string, signal: AbortSignal): Promise<void> {
  const { installations, journal, monitors } = context;
  const known = installations.byName(name);
  if (!known || !isRestored(context, known)) return;
  const generation = known.generation > 0 ? known.generation : journal.highestGeneration(known.id);
  const record = journal.unfinished(name).find(({ status: { state } }) => state === 'running');
  const before = record?.spec.generation ?? generation + 1;
  const { status } = await readOrRestore(context, name, { before, ...(record && { record }), signal });
  if (known.generation > 0) await renewUids(context, known, { inventory: status.inventory, signal });
  else {
    if (status.observedGeneration > 0) {
      await installations.write(name, { generation });
      monitors.watch(known, status.watched);
    }
  }
  journal.settled(known.id);
}

async function renewUids(
  context: ReconcileContext,
  { name }: InstallationSummary,
  { inventory: before, signal }: { inventory: InventoryEntry[]; signal: AbortSignal },
): Promise<void> {
  const inventory = await inParallel(before, WIDTH, async (entry) => {
    const { kind, namespace, name: own } = entry;
    const object = { apiVersion: apiVersionOf(entry), kind, metadata: { name: own, namespace } };
    const uid = (await ownLive(context, { installation: name, object, signal }))?.live.metadata.uid;
    return uid === undefined || uid === entry.uid ? entry : { ...entry, uid };
  });
  if (inventory.some((entry, index) => entry !== before[index])) await context.installations.write(name, { inventory });
}

/** Nothing was ever written into it: it is new, or somebody deleted the object that was there. */
function isBlank({ history, inventory, observedGeneration }: InstallationStatus): boolean {
  return history.length === 0 && inventory.length === 0 && observedGeneration === 0;
}

/**
 * What the Installation object held before somebody deleted it, put together from the stored sets of the generations before
 * this one: without it an upgrade would pass for an install, which asks nobody and runs other hooks. Its state is `failed` until
 * the next operation ends, so that nothing is repaired: how it was scaled or whether it was stopped is not in the sets.
 * What is under way has a set of its own, of which all may be there already: beside the others, or alone in a first install.
 * @returns undefined when there are none: it is new
 */
async function restoreStatus(
  context: ReconcileContext,
  { name, namespace, status: { unneeded = [] } }: InstallationRecord,
  { before, record, signal }: Wanted,
): Promise<StatusPatch | undefined> {
  const generations = Array.from({ length: Math.min(LOOK_BACK, before - 1) }, (_, index) => before - 1 - index);
  const found = await inParallel(generations, WIDTH, async (generation) => {
    const stored = await context.renders.find(name, generation);
    // Of one that was refused, when a kill came before it was removed.
    return stored && !unneeded.includes(stored.reference) ? { generation, ...stored } : undefined;
  });
  const goal = record?.status.wayBack?.good;
  const stored = await withGoal(
    context,
    found.filter((one) => one !== undefined),
    goal,
  );
  const { state, renderRef } = record?.status ?? {};
  const begun = state === 'running' && renderRef !== undefined ? await loadKept(context, renderRef) : undefined;
  const sets = [...(begun ? [begun] : []), ...stored.map(({ set }) => set)];
  const applied = sets.slice(0, begun ? 2 : 1);
  const [newest] = sets;
  if (!newest) return undefined;
  const { metrics } = newest.meta;
  const inventory = await liveInventory(context, { installation: name, namespace, applied, sets, signal });
  // A first install that was killed before it has made anything is blank, too.
  if (stored.length + inventory.length > 0)
    context.log.warn('an Installation was put together again from its stored sets', { installation: name });
  return {
    ...statusOfGood(stored, context.now().toISOString(), goal),
    ...begunPoint(record, begun),
    inventory,
    claimMakers: mergedMakers(
      [],
      sets.flatMap(({ objects }) => makersIn(objects)),
    ),
    watched: kindsToWatch(applied.flatMap(({ meta }) => meta.permissions)),
    ...(metrics && { metrics }),
  };
}

/** What is being gone back to is the newest; it may be further back than is looked. */
async function withGoal(
  context: ReconcileContext,
  stored: readonly Stored[],
  goal: HistoryEntry | undefined,
): Promise<Stored[]> {
  const isFound = !goal || stored.some(({ reference }) => reference === goal.renderRef);
  const set = isFound ? undefined : await loadKept(context, goal.renderRef);
  const first = goal && set ? [{ generation: goal.generation, reference: goal.renderRef, set }] : [];
  return [...first, ...stored].slice(0, MAX_HISTORY);
}

/** Undefined where it is lost. */
async function loadKept({ renders }: ReconcileContext, reference: string): Promise<ReleaseSet | undefined> {
  try {
    return await renders.load(reference);
  } catch (error) {
    if (error instanceof LostSetError) return undefined;
    throw error;
  }
}

interface Stored {
  generation: number;
  reference: string;
  set: ReleaseSet;
}

/** @param goal what is being gone back to: it knows more than its set tells */
function statusOfGood([newest, ...older]: readonly Stored[], at: string, goal: HistoryEntry | undefined): StatusPatch {
  if (!newest) return {};
  const { meta, hooks, objects } = newest.set;
  const stored = [newest, ...older];
  const history = stored.map(({ generation, reference, set }): HistoryEntry => {
    if (reference === goal?.renderRef) return goal;
    const { version, releaseDigest, parametersDigest } = set.meta;
    return { generation, version, releaseDigest, parametersDigest, renderRef: reference, at };
  });
  return {
    state: 'failed',
    observedGeneration: history[0]?.generation ?? newest.generation,
    message: `Somebody deleted this object, or a backup brought it back without its status; it was put together again from stored sets, of which the newest is ${meta.version}. Push that version to be certain of what runs`,
    history,
    endpoints: endpointsOf(objects),
    counters: stored.reduce<InstallationStatus['counters']>((all, { set }) => withCounter(all, set.meta), {}),
    ...(hooks.length > 0 &&
      !meta.isRollbackSafe && {
        pointOfNoReturn: pointOf(newest.generation, 'hooks of which no record is left', meta),
      }),
  };
}

/** What of its hooks is written down in the operation. */
function begunPoint(
  record: OperationRecord | undefined,
  set: ReleaseSet | undefined,
): Pick<StatusPatch, 'pointOfNoReturn'> {
  if (!record || !set) return {};
  const hooks = irreversiblyRun(record.status.hooks, set.meta);
  return hooks === undefined ? {} : { pointOfNoReturn: pointOf(record.spec.generation, hooks, set.meta) };
}
