import type { InventoryEntry } from '../../../operations/installation/installation-object.ts';
import { inventoryKey, isOfService, reasonToKeep } from '../../plan/inventory.ts';
import { agreedBy } from '../../plan/reach.ts';
import type { Run } from '../run/run.ts';
import { allLiveOn, livesOn, loadAll, loadOwn } from './live-entries.ts';

/*
 * Of an uninstall that comes to nothing two things are to be known, and they are not the same.
 *
 * Whether it has removed anything, whatever that is: then what is left is no whole version any more, and is not said to run on.
 * It is looked up at its end and not written down, since such an end leaves the installation `failed`.
 *
 * Whether what runs has begun to go (`removalOf`): until then what its first hooks have saved goes out of date, so the next try runs
 * them again; from then on they would need what is gone. That is written down before, since a kill may follow, and taken back where all
 * that runs is seen to live on: the deletion was refused, or the kill came first. Where nothing runs by itself, or all
 * that does stays, it is so once all else is removed.
 */

/** In this try or an earlier one. */
export function hasBegunToGo({ installation: { status } }: Run): boolean {
  const [good] = status.history;
  return good !== undefined && status.removalOf === good.renderRef;
}

/** That what runs of the good generation begins to go. */
export async function noteRemoval(run: Run): Promise<void> {
  const { status } = run.installation;
  const [good] = status.history;
  if (!good || hasBegunToGo(run)) return;
  const removalOf = good.renderRef;
  await run.write({ removalOf });
  status.removalOf = removalOf;
}

/**
 * Takes the note back when all of these that runs lives on; all that no hook made, where none does. What is to stay tells nothing by
 * that it lives.
 */
export async function takeBackNote(run: Run, entries: readonly InventoryEntry[], signal: AbortSignal): Promise<void> {
  if (!hasBegunToGo(run)) return;
  const looked = await loadAll(run, entries, signal);
  if (!looked.ok) return;
  const lives = new Map(looked.value.map(({ entry, live }) => [entry, live]));
  const isToStay = (entry: InventoryEntry): boolean =>
    reasonToKeep(entry.kind, lives.get(entry)?.metadata.annotations) !== undefined;
  const running = entries.filter((entry) => isOfService(entry) && !isToStay(entry));
  const asked = running.length > 0 ? running : entries.filter(({ hook }) => hook === undefined);
  if (!asked.every((entry) => livesOn(lives.get(entry)))) return;
  const { name, status } = run.installation;
  await run.context.installations.write(name, { removalOf: null });
  delete status.removalOf;
}

/** Whether all of the last good generation ran as it did when this began. What never was whole, or what an operation has left uncertain, did not. */
export function wasWhole(run: Run): boolean {
  const { history, state } = run.installation.status;
  return history.length > 0 && (state === 'running' || state === 'rolled-back') && !hasBegunToGo(run);
}

/** Whether nothing has been removed of what this one was agreed to remove, in any life of the agent. What hooks made does not count. */
export async function hasRemovedNothing(run: Run): Promise<boolean> {
  const isAgreed = agreedBy(run.record.status.reach);
  const { entries } = await loadOwn(run, run.signal);
  const agreed = entries.filter((entry) => entry.hook === undefined && isAgreed(inventoryKey(entry)));
  return allLiveOn(run, agreed, run.signal);
}
