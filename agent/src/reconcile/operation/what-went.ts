import { isKubeError } from '../../kube/error.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { inParallel } from '../../parallel.ts';
import { findVery } from '../execute/find-very.ts';
import { inventoryKey, isOfService, reasonToKeep } from '../plan/inventory.ts';
import { agreedBy } from '../plan/reach.ts';
import { allLiveOn, loadOwn } from './removal.ts';
import { isOverdue } from './run/deadline.ts';
import type { Run } from './run/run.ts';

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

const WIDTH = 4;

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

/** Takes the note back when all of these that runs and does not stay lives on; all that no hook made, where there is no such. */
export async function takeBackNote(run: Run, entries: readonly InventoryEntry[], signal: AbortSignal): Promise<void> {
  if (!hasBegunToGo(run)) return;
  const running = await withoutKept(run, entries.filter(isOfService), signal);
  const asked = running.length > 0 ? running : entries.filter(({ hook }) => hook === undefined);
  if (!(await allLiveOn(run, asked, signal))) return;
  const { name, status } = run.installation;
  await run.context.installations.write(name, { removalOf: null });
  delete status.removalOf;
}

/** Without what an uninstall leaves: that it lives on tells nothing. What cannot be looked at is not taken for that. */
async function withoutKept(
  run: Run,
  entries: readonly InventoryEntry[],
  signal: AbortSignal,
): Promise<InventoryEntry[]> {
  const until = { isLate: () => isOverdue(run, false), signal };
  const looked = await inParallel(entries, WIDTH, async (entry) => {
    const found = await findVery(run.context.kube, entry, until).catch((error: unknown) => {
      if (!isKubeError(error)) throw error;
      return undefined;
    });
    return found && reasonToKeep(entry.kind, found.object.metadata.annotations) ? undefined : entry;
  });
  return looked.filter((entry) => entry !== undefined);
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
