import { setTimeout as delay } from 'node:timers/promises';
import type { WayBack } from '../../operations/journal/operation-object.ts';
import { sentences } from '../../sentences.ts';
import { done, failed, type Failure, type Outcome } from '../outcome.ts';
import type { SetMeta } from '../render/release-set.ts';
import { findMissingRights, RECHECK_MS } from './prepare/rights.ts';
import type { Run } from './run/run.ts';

/** As long as an operation waits for its start, unless told. */
const PATIENCE_MS = 24 * 3_600_000;

/**
 * Resolves when a way back that was refused for want of rights may be tried again; until then the operation says which. Its time
 * begins anew then: it was not the service that took it.
 * @returns why nobody waits any more: a person said `hold`, or a day is over
 */
export async function awaitRightsBack(
  run: Run,
  back: { wayBack: WayBack; permissions: SetMeta['permissions']; lastsMs: number; refused: Failure },
): Promise<Outcome<void>> {
  const { now } = run.context;
  const { permissions, lastsMs, refused } = back;
  const rightsMissingSince = back.wayBack.rightsMissingSince ?? now().toISOString();
  const wayBack = { ...back.wayBack, rightsMissingSince };
  const dayIsOverMs = Date.parse(rightsMissingSince) + PATIENCE_MS;
  let told: 'nothing' | 'missing' | 'refusal' = 'nothing';
  for (;;) {
    const missing = await findMissingRights(run, permissions, { signal: run.signal });
    if (missing === undefined && told !== 'nothing') break;
    const message = sentences(`Generation ${wayBack.generation} cannot be put back yet`, missing ?? refused.message);
    if (run.givenUp) return failed('missing-rights', sentences(run.givenUp.message, message));
    // A refusal of what no review knows about is tried again, but not longer than the way back may take.
    const giveUpMs = missing === undefined ? Date.parse(wayBack.deadlineAt) : dayIsOverMs;
    if (now().getTime() > giveUpMs) return failed('missing-rights', message);
    await tell(run, message, wayBack);
    told = missing === undefined ? 'refusal' : 'missing';
    await delay(RECHECK_MS, undefined, { signal: run.untilGivenUp }).catch(() => run.signal.throwIfAborted());
  }
  if (told === 'refusal') return done(undefined);
  const deadlineAt = new Date(now().getTime() + lastsMs).toISOString();
  await tell(run, 'The rights are there again; going back', { ...wayBack, deadlineAt });
  return done(undefined);
}

async function tell(run: Run, message: string, wayBack: WayBack): Promise<void> {
  if (run.record.status.message === message) return;
  await run.move({ state: 'running', phase: 'roll-back', reason: 'missing-rights', message, also: { wayBack } });
}
