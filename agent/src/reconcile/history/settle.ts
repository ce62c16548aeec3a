import type { InstallationSummary } from '../../operations/installation/installations.ts';
import type { ReconcileContext } from '../context.ts';
import { endHooksOf } from '../hooks/abandon-hooks.ts';
import { UNCERTAIN } from '../operation/run/ends.ts';
import { lostEnd, whatIsLeft, writeEnd } from '../operation/run/ends-outside.ts';
import { removeSets } from './good-generations.ts';
import { readOrRestore } from './restore-status.ts';
import { isRestored, settleRestored } from './settle-restored.ts';

/** What its object says may not be so: see {@link settle}. */
export function isUnsettled(context: ReconcileContext, installation: InstallationSummary): boolean {
  return isRestored(context, installation) || isForsaken(context, installation);
}

/** Before anything else is done about it. */
export async function settle(context: ReconcileContext, name: string, signal: AbortSignal): Promise<void> {
  await settleRestored(context, name, signal);
  await settleForsaken(context, name, signal);
}

/**
 * An operation was changing it of which nothing is in the journal that could go on: somebody deleted its object while no agent
 * ran, or a backup brought it without its status (0174).
 */
function isForsaken({ journal }: ReconcileContext, { underWay }: Pick<InstallationSummary, 'underWay'>): boolean {
  return underWay !== undefined && !journal.find(underWay.operation);
}

/**
 * What stands there may be half of another version, or of one whose hooks have migrated its data: the last good generation is
 * not put back over that without a word. It is said to be uncertain, as if the agent had seen the deletion; but not where it was
 * done, or had only begun hooks before an uninstall.
 */
async function settleForsaken(context: ReconcileContext, name: string, signal: AbortSignal): Promise<void> {
  const { installations, log } = context;
  const known = installations.byName(name);
  if (known?.underWay === undefined || !isForsaken(context, known)) return;
  const found = await readOrRestore(context, name, { before: known.underWay.generation, signal });
  const { underWay } = found.status;
  // Another agent may have ended it.
  if (underWay === undefined || !isForsaken(context, { underWay })) return;
  const { generation, renderRef, isBeforeRemoval = false } = underWay;
  log.warn('an operation under way is not in the journal any more', { installation: name, ...underWay });
  await endHooksOf(context, found, { operation: underWay.operation, signal });
  const left = whatIsLeft(found.status, { generation, hasChanged: !isBeforeRemoval });
  const message = `generation ${generation} was under way, and ${lostEnd('uncertain').message}`;
  const patch = left === 'uncertain' ? { ...UNCERTAIN, message } : {};
  await removeSets(context, await writeEnd(context, found, { renderRef, patch }));
}
