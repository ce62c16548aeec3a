import type { InventoryEntry } from '../../operations/installation-object.ts';
import type { Failure } from '../outcome.ts';
import { removeSets, unneededSets } from './good-generations.ts';
import type { Run } from './run.ts';

/** The installation is no more: removed, or left to whoever runs it from now on. `stays` is what the agent still knows of it. */
export async function endRemoved(
  run: Run,
  { stays, message }: { stays: InventoryEntry[]; message: string },
): Promise<void> {
  const { context, installation, record } = run;
  const references = installation.status.history.map(({ renderRef }) => renderRef);
  const unneeded = unneededSets(references, []);
  await context.installations.write(installation.name, {
    state: 'removed',
    observedGeneration: record.spec.generation,
    version: null,
    releaseDigest: null,
    health: null,
    drift: null,
    message,
    history: [],
    inventory: stays,
    watched: [],
    metrics: null,
    unneeded,
  });
  // Before the end is written: no later operation would remove what a kill leaves of them, and there are passwords in them.
  await removeSets(context, unneeded);
  await run.move({ state: 'succeeded', phase: 'done', message });
}

/** Part of it is done: nothing to go back to, but the next try goes on from here. */
export async function endUnfinished(run: Run, { reason, message: why }: Failure): Promise<void> {
  const message = `${run.title} is not finished: ${why}`;
  run.context.monitors.watch(run.installation, run.installation.status.watched);
  await run.context.installations.write(run.installation.name, { state: 'failed', message });
  await run.move({ state: 'failed', phase: 'done', reason, message });
}
