import type { PlanInput } from '../plan/make-plan.ts';
import { setInput } from '../plan/set-input.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { deadlineOf } from './deadline.ts';
import { loadStored } from './prepare-set.ts';
import type { Run } from './run.ts';

/**
 * What a plan of this set is made of. Kinds that may be replaced are those that its release allows; going back also
 * those of the release that is left, since it may have replaced them on its way.
 */
export async function planInput(
  run: Run,
  set: ReleaseSet,
  { isWayBack, signal }: { isWayBack: boolean; signal: AbortSignal },
): Promise<PlanInput> {
  const { context, installation, helmRelease } = run;
  const isBack = isWayBack || run.kind === 'rollback';
  const left = isBack ? await replacedByTheOther(run, isWayBack) : [];
  return {
    ...setInput(context, installation, helmRelease, set),
    helmRelease,
    isAdopting: run.kind === 'adopt',
    replaceable: new Set([...(set.meta.replace ?? []), ...left]),
    mayAskLess: isBack,
    // Before the first write it waits until it expires, and says so.
    isLate: () => run.record.status.state === 'running' && context.now().getTime() > deadlineOf(run, isWayBack),
    signal,
  };
}

/** None when its set is gone: a replacement is refused then, by its name. */
async function replacedByTheOther(run: Run, isWayBack: boolean): Promise<string[]> {
  const { record, installation } = run;
  const renderRef = isWayBack ? record.status.renderRef : installation.status.history[0]?.renderRef;
  if (renderRef === undefined) return [];
  const other = await loadStored(run, renderRef);
  return other.ok ? (other.value.meta.replace ?? []) : [];
}
