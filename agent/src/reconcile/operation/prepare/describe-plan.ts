import { canonicalJson, runStateText, sha256, waveOf, type OperationPlan } from '@steward/shared';
import { nameOf } from '../../../kube/object.ts';
import type { HistoryEntry } from '../../../operations/installation/installation-object.ts';
import { pointSince } from '../../history/point-of-no-return.ts';
import { hooksOfRun, isIrreversible } from '../../hooks/hook-moments.ts';
import type { ObjectPlan } from '../../plan/make-plan.ts';
import { changesOf, countsOf, toldPlan, wavesSentence } from '../../plan/told-plan.ts';
import type { ReleaseSet } from '../../render/release-set.ts';
import { sentences } from '../../../sentences.ts';
import type { Run } from '../run/run.ts';

/** The plan of a deployment as people approve it: what changes, which hooks run, and what becomes of it when it fails. */
export function describePlan(
  run: Run,
  set: ReleaseSet,
  plan: ObjectPlan,
  { hooks, notes, crossed }: { hooks: OperationPlan['changes']; notes: readonly string[]; crossed: string | undefined },
): OperationPlan {
  const { meta } = set;
  const objectChanges = changesOf(plan);
  const { version, history } = run.installation.status;
  const [good] = history;
  const from = version === undefined || run.sameSet ? '' : ` from ${version}`;
  const runs = hooks.length === 0 ? '' : `, runs ${hooks.length === 1 ? '1 hook' : `${hooks.length} hooks`}`;
  const back = good ? ` ${backSentence(good, run, set)}` : '';
  // The digests bind an approval to the very content, of which the changes show only places.
  const objects = run.record.status.renderRef?.split(' ').at(-1) ?? '';
  const content = `Release ${meta.releaseDigest}, parameters ${meta.parametersDigest}, objects ${objects}.`;
  const placed = plan.objects.map(({ object }) => ({
    wave: waveOf(object),
    name: nameOf(object),
  }));
  const waves = wavesSentence(placed, run.kind === 'stop' ? { isLastFirst: true, until: 'stopped' } : {});
  const told = sentences(
    `${run.title}${from}: ${countsOf(objectChanges)}${runs}`,
    ...runStateSentences(run),
    ...waves,
    ...notes,
  );
  const binding = `${content}${back}${crossed === undefined ? '' : ` ${crossed}`}`;
  return toldPlan(`${told}.`, [...hooks, ...objectChanges], binding);
}

/** The digest binds an approval to the whole of it, however much of it is shown. */
function runStateSentences({ runsAs: runState }: Run): string[] {
  const text = runStateText(runState);
  if (text === undefined && runState.restartToken === undefined) return [];
  return [`How it runs: ${text ?? 'as released'} (${sha256(canonicalJson(runState))})`];
}

/** What an approval covers. */
function backSentence(good: HistoryEntry, run: Run, { meta, hooks }: ReleaseSet): string {
  const since = pointSince(run, good);
  if (since !== undefined)
    return `If it fails it stays as it is until somebody decides: going back does not undo ${since}.`;
  const { generation, version } = good;
  const back = `generation ${generation} (${version}) is put back; an approval covers that too.`;
  const isLasting = hooksOfRun(run, hooks).some(({ event, hook }) => isIrreversible(event, hook.object, meta));
  if (!isLasting) return `If it fails, ${back}`;
  return `If it fails before a hook has begun, ${back} After that it stays as it is until somebody decides.`;
}
