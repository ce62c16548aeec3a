import type { ReleaseSet } from '../render/release-set.ts';
import type { Run } from './run/run.ts';

/** The set of the last good generation as it was stored; undefined where nothing ever was whole, or somebody removed the set. */
export async function loadLastGood({ context, installation, signal }: Run): Promise<ReleaseSet | undefined> {
  const [good] = installation.status.history;
  if (!good) return undefined;
  try {
    return await context.renders.load(good.renderRef);
  } catch (error) {
    signal.throwIfAborted();
    const { name } = installation;
    context.log.warn('an end goes on without its stored set, and so without hooks', { installation: name, error });
    return undefined;
  }
}
