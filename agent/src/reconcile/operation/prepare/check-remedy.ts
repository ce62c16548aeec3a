import { isRemedy } from '@steward/shared';
import { done, failed, type Outcome } from '../../outcome.ts';
import type { Run } from '../run/run.ts';

/**
 * A remedy changes how something runs, never what: while nothing was heard of the cluster it was asked for what ran before, and would
 * take an upgrade back without a word.
 */
export function checkRemedy({ record: { spec }, installation: { status }, sameSet }: Run): Outcome<void> {
  const { kind, desired } = spec;
  if (!isRemedy(kind)) return done(undefined);
  if (!desired.runState) return failed('internal', `the hub asks for a ${kind} and does not say how it is to run`);
  if (sameSet) return done(undefined);
  const asked = `${kind} of ${desired.name} was asked for as ${desired.release.version} ran`;
  const [good] = status.history;
  if (!good) return failed('not-what-runs', `${asked}, and the agent knows of nothing that has run well here`);
  const isVersion = good.releaseDigest === desired.release.digest;
  const other = isVersion ? 'with other parameters' : good.version;
  return failed('not-what-runs', `${asked}; what ran well last is generation ${good.generation} (${other})`);
}
