import { comesToAnEnd, type ChartHook, type HookEvent } from '@steward/shared';
import type { HookRecord } from '../../operations/journal/operation-object.ts';
import type { Run } from '../operation/run/run.ts';
import type { SetMeta } from '../render/release-set.ts';
import { hooksAt } from './hook-object.ts';

/** When hooks of an operation run: before the first change of the service, and after the last. */
export interface Moments {
  before: HookEvent;
  after: HookEvent;
}

/** Of the automatic way back too. */
export const ROLLBACK_MOMENTS: Moments = { before: 'pre-rollback', after: 'post-rollback' };

/**
 * An installation that has never been whole is installed again, whatever is there of it. Running the same in another way (a
 * restart, a stop) has no moments, and neither has taking over what runs or letting go of it: undefined.
 */
export function momentsOf({ kind, sameSet, record, installation }: Run): Moments | undefined {
  if (sameSet || kind === 'adopt' || kind === 'leave') return undefined;
  if (kind === 'uninstall') return { before: 'pre-delete', after: 'post-delete' };
  if (kind === 'rollback') return ROLLBACK_MOMENTS;
  // A kill may have come after this very generation was written down as good.
  const hasRun = installation.status.history.some(({ generation }) => generation < record.spec.generation);
  return hasRun ? { before: 'pre-upgrade', after: 'post-upgrade' } : { before: 'pre-install', after: 'post-install' };
}

const CHANGES_WHAT_IS_THERE: ReadonlySet<HookEvent> = new Set([
  'pre-upgrade',
  'post-upgrade',
  'pre-rollback',
  'post-rollback',
]);

/** Which hooks of a set run in an operation, and when. */
export function hooksOfRun(run: Run, hooks: readonly ChartHook[]): { event: HookEvent; hook: ChartHook }[] {
  const moments = momentsOf(run);
  if (!moments) return [];
  return [moments.before, moments.after].flatMap((event) => hooksAt(hooks, event).map((hook) => ({ event, hook })));
}

type Promised = Pick<SetMeta, 'isRollbackSafe'>;

/**
 * Whether going back does not undo what such a hook does: a migration is done to data that the older version has to read. Of a
 * release that promises that it can, no hook is so.
 */
export function isIrreversible(
  event: HookEvent,
  object: { kind: string },
  { isRollbackSafe = false }: Promised,
): boolean {
  return !isRollbackSafe && CHANGES_WHAT_IS_THERE.has(event) && comesToAnEnd(object);
}

/** `Job/shop-migrate (pre-upgrade)` of each that was begun and that going back does not undo; undefined when there is none. */
export function irreversiblyRun(records: readonly HookRecord[] | undefined, release: Promised): string | undefined {
  const run = (records ?? []).filter((record) => isIrreversible(record.event, kindOf(record), release));
  return run.length === 0 ? undefined : hooksText(run);
}

/** For people: `Job/shop-migrate (pre-upgrade), Job/shop-check (post-upgrade)`. */
export function hooksText(records: readonly HookRecord[]): string {
  return records.map(({ event, hook }) => `${hook} (${event})`).join(', ');
}

export function kindOf({ hook }: HookRecord): { kind: string } {
  return { kind: hook.split('/', 1)[0] ?? '' };
}
