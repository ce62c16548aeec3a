import type { Run } from '../operation/run.ts';

/** What a rollback to an older generation would not undo, as a sentence; undefined when nothing of that kind lies between. */
export function crossedPoint({ kinds, sameSet, record, installation }: Run): string | undefined {
  const { pointOfNoReturn: point } = installation.status;
  // A remedy goes back too where something else may be there.
  const target = record.spec.desired.operation.toGeneration ?? sameSet?.generation;
  if (!kinds.includes('rollback') || !point || target === undefined || target >= point.generation) return undefined;
  return `Generation ${point.generation} ran ${point.hooks}: going back to generation ${target} does not undo that.`;
}
