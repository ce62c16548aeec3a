import { MAX_HISTORY, type HistoryEntry, type InstallationStatus } from '../../operations/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import type { SetMeta } from '../render/release-set.ts';

/** The history with this generation as its newest; the same generation is not in it twice. */
export function withGeneration(history: readonly HistoryEntry[], entry: HistoryEntry): HistoryEntry[] {
  const others = history.filter(({ generation }) => generation !== entry.generation);
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
