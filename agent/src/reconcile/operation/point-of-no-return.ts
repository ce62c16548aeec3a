import type { Run } from './run.ts';

/** What a rollback to an older generation would not undo, as a sentence; undefined when nothing of that kind lies between. */
export function crossedPoint({ kind, record, installation }: Run): string | undefined {
  const { pointOfNoReturn: point } = installation.status;
  const { toGeneration } = record.spec.desired.operation;
  if (kind !== 'rollback' || !point || toGeneration === undefined || toGeneration >= point.generation) return undefined;
  return `Generation ${point.generation} ran ${point.hooks}: going back to generation ${toGeneration} does not undo that.`;
}
