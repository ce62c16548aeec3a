import {
  MAX_HISTORY,
  type HistoryEntry,
  type InstallationStatus,
} from '../../operations/installation/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import type { SetMeta } from '../render/release-set.ts';

/** The generation that brought the set of this one. */
export function setGenerationOf({ generation, setGeneration }: HistoryEntry): number {
  return setGeneration ?? generation;
}

/** The one to go back to: of that generation, or the one that runs the set which that generation brought. */
export function keptGeneration(
  history: readonly HistoryEntry[],
  generation: number | undefined,
): HistoryEntry | undefined {
  return (
    history.find((kept) => kept.generation === generation) ??
    history.find((kept) => setGenerationOf(kept) === generation)
  );
}

/**
 * The history with this generation as its newest; the same generation is not in it twice. One that only runs a set in
 * another way takes the place of the one before, or a few restarts would push out what can be gone back to.
 */
export function withGeneration(history: readonly HistoryEntry[], entry: HistoryEntry): HistoryEntry[] {
  const isReplaced = (other: HistoryEntry): boolean =>
    other.generation === entry.generation ||
    (entry.setGeneration !== undefined && setGenerationOf(other) === entry.setGeneration);
  const others = history.filter((other) => !isReplaced(other));
  return [entry, ...others].sort((a, b) => b.generation - a.generation).slice(0, MAX_HISTORY);
}

/** The highest counter used by each key, with this release's. */
export function withCounter(
  counters: InstallationStatus['counters'],
  { signedBy, counter }: Pick<SetMeta, 'signedBy' | 'counter'>,
): InstallationStatus['counters'] {
  return { ...counters, [signedBy]: Math.max(counters[signedBy] ?? 0, counter) };
}

/** Of these stored sets, those that no kept generation needs. */
export function unneededSets(references: readonly (string | undefined)[], kept: readonly HistoryEntry[]): string[] {
  const needed = new Set(kept.map(({ renderRef }) => renderRef));
  const all = new Set(references.filter((reference) => reference !== undefined));
  return [...all].filter((reference) => !needed.has(reference));
}

/** They are listed in the installation before, so that a kill in between leaves none behind for good. */
export async function removeSets({ renders }: ReconcileContext, references: readonly string[]): Promise<void> {
  for (const reference of references) await renders.remove(reference);
}
