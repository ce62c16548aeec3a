import type { StatusPatch } from '../../operations/installation/installations.ts';
import {
  MAX_HISTORY,
  type HistoryEntry,
  type InstallationRecord,
  type InstallationStatus,
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
import { liveInventory } from './live-inventory.ts';
import { pointOf } from './point-of-no-return.ts';

/** Good generations are seldom further apart: a remedy takes the place of the one before. */
const LOOK_BACK = 40;
const WIDTH = 4;

/** From what a status is put together. */
export interface RestoreOptions {
  /** Sets of generations below this one count as good. */
  before: number;
  /** What it has applied and run, where it has begun to, is there too. */
  record?: OperationRecord;
  signal: AbortSignal;
}

interface Stored {
  generation: number;
  reference: string;
  set: ReleaseSet;
}

/**
 * What the Installation object held before somebody deleted it, put together from the stored sets of the generations before
 * this one: without it an upgrade would pass for an install, which asks nobody and runs other hooks. Its state is `failed` until
 * the next operation ends, so that nothing is repaired: how it was scaled or whether it was stopped is not in the sets. Where none
 * of them is good, as in a first install, it stays as it is (`pending`).
 * What is under way has a set of its own, of which all may be there already: beside the others, or alone in a first install.
 * @returns undefined when there are none: it is new
 */
export async function statusFromSets(
  context: ReconcileContext,
  { name, namespace, status: { unneeded = [] } }: InstallationRecord,
  { before, record, signal }: RestoreOptions,
): Promise<StatusPatch | undefined> {
  const generations = Array.from({ length: Math.min(LOOK_BACK, before - 1) }, (_, index) => before - 1 - index);
  const found = await inParallel(generations, WIDTH, async (generation) => {
    const stored = await context.renders.find(name, generation);
    // Of one that was refused, when a kill came before it was removed.
    return stored && !unneeded.includes(stored.reference) ? { generation, ...stored } : undefined;
  });
  const wayBackGood = record?.status.wayBack?.good;
  const good = found.filter((one) => one !== undefined);
  const stored = await withWayBackGood(context, good, wayBackGood);
  const { state, renderRef } = record?.status ?? {};
  const begun = state === 'running' && renderRef !== undefined ? await loadKept(context, renderRef) : undefined;
  const sets = [...(begun ? [begun] : []), ...stored.map(({ set }) => set)];
  // What may live: of what is under way, and of the newest good one.
  const applied = sets.slice(0, begun ? 2 : 1);
  const [newest] = sets;
  if (!newest) return undefined;
  const { metrics } = newest.meta;
  const { inventory, runs } = await liveInventory(context, { installation: name, namespace, applied, sets, signal });
  // A first install that was killed before it has made anything is blank, too.
  if (stored.length + inventory.length > 0)
    context.log.warn('an Installation was put together again from its stored sets', { installation: name });
  return {
    ...statusOfGood(stored, context.now().toISOString(), wayBackGood),
    ...begunPoint(record, begun),
    inventory,
    ...(runs && { schedule: { isStopped: false, ranWhenFound: true } }),
    claimMakers: mergedMakers(
      [],
      sets.flatMap(({ objects }) => makersIn(objects)),
    ),
    watched: kindsToWatch(applied.flatMap(({ meta }) => meta.permissions)),
    ...(metrics && { metrics }),
  };
}

/** What is being gone back to is the newest; it may be further back than is looked. */
async function withWayBackGood(
  context: ReconcileContext,
  stored: readonly Stored[],
  wayBackGood: HistoryEntry | undefined,
): Promise<Stored[]> {
  const isFound = !wayBackGood || stored.some(({ reference }) => reference === wayBackGood.renderRef);
  if (isFound) return stored.slice(0, MAX_HISTORY);
  const { generation, renderRef: reference } = wayBackGood;
  const set = await loadKept(context, reference);
  return [...(set ? [{ generation, reference, set }] : []), ...stored].slice(0, MAX_HISTORY);
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

/** @param wayBackGood what is being gone back to: it knows more than its set tells */
function statusOfGood(
  [newest, ...older]: readonly Stored[],
  at: string,
  wayBackGood: HistoryEntry | undefined,
): StatusPatch {
  if (!newest) return {};
  const { meta, hooks, objects } = newest.set;
  const stored = [newest, ...older];
  const history = stored.map(({ generation, reference, set }): HistoryEntry => {
    if (reference === wayBackGood?.renderRef) return wayBackGood;
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
