import { AS_RELEASED, canonicalJson } from '@steward/shared';
import { lackOf, lackReason } from '../../collect/objects/volume-growth.ts';
import { AS_SIGNED } from '../../operations/installation/image-source.ts';
import type { HistoryEntry } from '../../operations/installation/installation-object.ts';
import type { StatusPatch } from '../../operations/installation/installations.ts';
import { endpointsOf } from '../endpoints.ts';
import { removeSets, setGenerationOf, unneededSets, withCounter, withGeneration } from '../history/good-generations.ts';
import { kindsToWatch } from '../monitors.ts';
import type { ReleaseSet, SetMeta } from '../render/release-set.ts';
import { unmeasuredScalers, type ScalersOptions } from '../rollout/await-scalers.ts';
import { startedByHand } from '../schedule/due-turn.ts';
import { deadlineOf } from './run/deadline.ts';
import { endWell } from './run/ends.ts';
import type { Run } from './run/run.ts';

/** While it is stopped an autoscaler rests. */
export function isAutoscaling({ kinds, runsAs: runState }: Run): boolean {
  return kinds.includes('autoscale') && !runState.stopped;
}

/** What its autoscalers are awaited by. */
export function scalersOf(run: Run, { objects }: ReleaseSet): ScalersOptions {
  const { kube, now } = run.context;
  return { kube, objects, deadlineMs: deadlineOf(run, false), now, signal: run.whileWorking };
}

/** What it is now, as a good generation, and its last word. */
export async function finish(run: Run, set: ReleaseSet): Promise<void> {
  const { meta } = set;
  const { context, record, installation } = run;
  const { generation } = record.spec;
  const { history, counters } = installation.status;
  const { images = AS_SIGNED } = record.status;
  const entry: HistoryEntry = {
    generation,
    version: meta.version,
    releaseDigest: meta.releaseDigest,
    parametersDigest: meta.parametersDigest,
    renderRef: record.status.renderRef ?? '',
    ...(canonicalJson(run.runState) !== canonicalJson(AS_RELEASED) && { runState: run.runState }),
    ...(canonicalJson(images) !== canonicalJson(AS_SIGNED) && { images }),
    ...(run.isAsFound && { isAsFound: true }),
    ...(run.sameSet && { setGeneration: setGenerationOf(run.sameSet) }),
    at: context.now().toISOString(),
  };
  const kept = withGeneration(history, entry);
  const unneeded = unneededSets(
    history.map(({ renderRef }) => renderRef),
    kept,
  );
  await context.installations.write(installation.name, {
    state: 'running',
    version: meta.version,
    releaseDigest: meta.releaseDigest,
    observedGeneration: generation,
    message: null,
    endpoints: endpointsOf(set.objects),
    history: kept,
    counters: withCounter(counters, meta),
    underWay: null,
    unneeded,
    ...scheduleAfter(run),
  });
  context.monitors.refresh(installation.name);
  const { signal } = run;
  const unmeasured = isAutoscaling(run) ? await unmeasuredScalers({ ...scalersOf(run, set), signal }) : [];
  await endWell(run, [...stillGrowing(run, meta), ...unmeasured]);
  await removeSets(context, unneeded);
}

/**
 * Who starts it, or takes away what has stopped it, has seen it run: the schedule has not to do it once more. Nor does it stop what ran
 * when its Installation was put together again, and may have been started by hand.
 */
function scheduleAfter({ kind, endsScheduledStop, runState, context, installation }: Run): StatusPatch {
  const { ranWhenFound = false } = installation.status.schedule ?? {};
  if (kind === 'start' || (ranWhenFound && kind !== 'schedule'))
    return { schedule: startedByHand(runState.schedule, context.now().getTime()) };
  return endsScheduledStop ? { schedule: { isStopped: false } } : {};
}

const MAX_CLAIMS = 5;

/**
 * Volumes that are not yet as large as asked. They do not hold the operation up: the pods are ready with what they have,
 * a driver may take hours, and nothing could be put back, since no volume shrinks.
 */
function stillGrowing({ context, installation }: Run, { permissions }: SetMeta): string[] {
  const { own } = context.monitors.watch(installation, kindsToWatch(permissions));
  const lacking = [...own.claims.values()].flatMap((claim) => {
    const lack = lackOf(claim, own);
    return lack ? [{ lack, reason: lackReason(claim.name, lack) }] : [];
  });
  if (lacking.length === 0) return [];
  const isRefused = lacking.some(({ lack }) => lack.refused !== undefined);
  const count = lacking.length === 1 ? '1 volume is' : `${lacking.length} volumes are`;
  const shown = lacking.slice(0, MAX_CLAIMS).map(({ reason: { object, message } }) => `${object}: ${message}`);
  // Short at first: a line of a table shows no more.
  return [`Its storage ${isRefused ? 'does not grow' : 'still grows'}: ${count} smaller than asked`, ...shown];
}
