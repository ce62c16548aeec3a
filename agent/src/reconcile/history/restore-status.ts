import type { DesiredState } from '@steward/shared';
import { InstallationGoneError } from '../../operations/installation/installations.ts';
import type { InstallationRecord, InstallationStatus } from '../../operations/installation/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import { statusFromSets, type RestoreOptions } from './status-from-sets.ts';

/** Also one that somebody deleted: it is made again, and filled with what the stored sets of generations before that one tell. */
export async function readOrRestore(
  context: ReconcileContext,
  name: string,
  options: RestoreOptions,
): Promise<InstallationRecord> {
  const { installations } = context;
  const found = await installations.read(name).catch(async (error: unknown) => {
    if (!(error instanceof InstallationGoneError)) throw error;
    await installations.recreate(name);
    return installations.read(name);
  });
  const status = isBlank(found.status) ? await statusFromSets(context, found, options) : undefined;
  if (!status) return found;
  await installations.write(name, status);
  return installations.read(name);
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

/** Nothing that an operation leaves is in it: it is new, or somebody deleted the object that was there. */
function isBlank({ history, inventory, observedGeneration }: InstallationStatus): boolean {
  return history.length === 0 && inventory.length === 0 && observedGeneration === 0;
}
