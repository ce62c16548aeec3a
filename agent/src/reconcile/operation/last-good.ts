import type { ReleaseSet } from '../render/release-set.ts';
import { loadStored } from './prepare/prepare-set.ts';
import type { Run } from './run/run.ts';

/** The set of the last good generation as it was stored; undefined where nothing ever was whole, or somebody removed the set. @throws KubeError where it may not be read */
export async function loadLastGood(run: Run): Promise<ReleaseSet | undefined> {
  const { context, installation } = run;
  const [good] = installation.status.history;
  if (!good) return undefined;
  const stored = await loadStored(run, good.renderRef);
  if (stored.ok) return stored.value;
  const { message: error } = stored.failure;
  const { name } = installation;
  context.log.warn('an end goes on without its stored set, and so without hooks', { installation: name, error });
  return undefined;
}
