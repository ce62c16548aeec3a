import type { OperationKind } from '@steward/shared';
import { isClaim, shrinkingClaims } from '../../plan/claims.ts';
import type { PlanInput } from '../../plan/make-plan.ts';
import { setInput } from '../../plan/set-input.ts';
import type { ReleaseSet } from '../../render/release-set.ts';
import { keptGeneration } from '../../history/good-generations.ts';
import { isOverdue } from '../run/deadline.ts';
import type { GoingClaims } from '../../volumes/going-claims.ts';
import { loadStored } from './prepare-set.ts';
import type { Run } from '../run/run.ts';

/** They make new pods, which cannot use a claim that is being deleted; of a scale it depends on the counts. */
const MAKES_PODS: ReadonlySet<OperationKind> = new Set([
  'install',
  'upgrade',
  'rollback',
  'adopt',
  'start',
  'restart',
  'resize',
]);

/**
 * What a plan of this set is made of. Kinds that may be replaced are those that its release allows; going back also
 * those of every release that is left, since each may have replaced them on its way.
 */
export async function planInput(
  run: Run,
  set: ReleaseSet,
  { isWayBack, signal }: { isWayBack: boolean; signal: AbortSignal },
): Promise<PlanInput> {
  const { context, installation, helmRelease } = run;
  const isBack = isWayBack || run.kind === 'rollback';
  const left = isBack ? await replacedOnTheWay(run, isWayBack) : [];
  const input = setInput(context, installation, helmRelease, set);
  const shrinking = isBack ? new Set<string>() : await loadShrinking(run, set);
  return {
    ...input,
    neverOurs: { ...input.neverOurs, shrinking },
    helmRelease,
    isAdopting: run.kind === 'adopt',
    replaceable: new Set([...(set.meta.replace ?? []), ...left]),
    mayAskLess: isBack,
    goingClaims: goingClaims(run, isWayBack),
    isLate: () => isOverdue(run, isWayBack),
    signal,
  };
}

function goingClaims({ kind, kinds }: Run, isWayBack: boolean): GoingClaims {
  if (isWayBack || kind === 'stop') return 'let-go';
  return kinds.some((one) => MAKES_PODS.has(one)) ? 'refused' : 'kept';
}

/** What a set that is gone allowed is not known: a replacement is refused then, by its name. */
async function replacedOnTheWay(run: Run, isWayBack: boolean): Promise<string[]> {
  const { record, installation } = run;
  const { renderRef } = record.status;
  const { history } = installation.status;
  const target = keptGeneration(history, record.spec.desired.operation.toGeneration);
  const newer = target ? history.filter(({ generation }) => generation > target.generation) : [];
  const kinds: string[] = [];
  // One after the other: a set may be large.
  for (const reference of [...(isWayBack ? [renderRef] : []), ...newer.map((entry) => entry.renderRef)]) {
    const left = reference === undefined ? undefined : await loadStored(run, reference);
    if (left?.ok) kinds.push(...(left.value.meta.replace ?? []));
  }
  return kinds;
}

/** Claims that the generation that runs asked larger; one that only lives larger was made so by somebody, or by what was taken back. */
async function loadShrinking(run: Run, { objects }: ReleaseSet): Promise<Set<string>> {
  const [good] = run.installation.status.history;
  if (!good || !objects.some(isClaim)) return new Set();
  const before = await loadStored(run, good.renderRef);
  return before.ok ? shrinkingClaims(objects, before.value.objects) : new Set();
}
