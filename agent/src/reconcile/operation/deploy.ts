import {
  AS_RELEASED,
  canonicalJson,
  isRemedy,
  runStateText,
  sha256,
  type OperationPlan,
  type RunState,
} from '@steward/shared';
import type { HistoryEntry } from '../../operations/installation-object.ts';
import { done, failed, type Failure, type Outcome } from '../outcome.ts';
import { makePlan, type ObjectPlan } from '../plan/make-plan.ts';
import { changesOf, countsOf, toldPlan } from '../plan/told-plan.ts';
import { kindsToWatch } from '../monitors.ts';
import type { ReleaseSet, SetMeta } from '../render/release-set.ts';
import { checkRunState } from '../run-state/check-run-state.ts';
import { withRunState } from '../run-state/with-run-state.ts';
import { sentences } from '../../sentences.ts';
import { loadDecision, obtainConsent, type Planned } from './consent.ts';
import { applySet, rollOut } from './forward.ts';
import { removeSets, setGenerationOf, unneededSets, withCounter, withGeneration } from './good-generations.ts';
import { planInput } from './plan-input.ts';
import { prepareSet } from './prepare-set.ts';
import type { Run } from './run.ts';
import { beginWayBack, goBack } from './way-back.ts';

/** What a deployment applies; the plan is only there right after it was consented to. */
interface Prepared {
  set: ReleaseSet;
  plan: ObjectPlan | undefined;
}

/**
 * Carries out an install, an upgrade, a rollback or a remedy from wherever it is. What fails before the first write leaves all as
 * it was; what fails later goes back to the last good generation.
 */
export async function deploy(run: Run): Promise<void> {
  if (run.record.status.wayBack) return goBack(run);
  const prepared = run.record.status.state === 'running' ? await resume(run) : await prepare(run);
  if (!prepared.ok) return refuse(run, prepared.failure);
  const { set, plan } = prepared.value;
  const outcome = await forward(run, set, plan);
  if (outcome.ok) await finish(run, set);
  else await beginWayBack(run, outcome.failure);
}

async function resume(run: Run): Promise<Outcome<Prepared>> {
  const { renderRef } = run.record.status;
  if (renderRef === undefined) throw new Error(`${run.record.name} is running without a stored set`);
  return done({ set: asItRuns(await run.context.renders.load(renderRef), run.runState), plan: undefined });
}

function asItRuns({ meta, objects }: ReleaseSet, runState: RunState): ReleaseSet {
  return { meta, objects: withRunState(objects, runState) };
}

async function prepare(run: Run): Promise<Outcome<Prepared>> {
  const decision = await loadDecision(run);
  if (decision.effect === 'deny') return failed(decision.reason ?? 'denied-by-policy', decision.message);
  if (isRemedy(run.record.spec.kind) && !run.record.spec.desired.runState)
    return failed('internal', `the hub asks for a ${run.record.spec.kind} and does not say how it is to run`);
  const prepared = await prepareSet(run);
  if (!prepared.ok) return prepared;
  const { renderRef } = prepared.value;
  const possible = checkRunState(prepared.value.set.objects, run.runState, run.presentRunState);
  if (!possible.ok) return possible;
  const set = asItRuns(prepared.value.set, run.runState);
  const { state } = run.record.status;
  await run.move({ state, phase: 'plan', message: `comparing with what runs: ${run.title}`, also: { renderRef } });
  const replan = (): Promise<Outcome<Planned<ObjectPlan>>> => planSet(run, set, possible.value);
  const planned = await run.span('plan', replan);
  if (!planned.ok) return planned;
  const agreed = await run.span('approve', () => obtainConsent(run, planned.value, replan));
  if (!agreed.ok) return agreed;
  await begin(run, agreed.value.told, set.meta.deadlineSeconds);
  return done({ set, plan: agreed.value.plan });
}

async function planSet(run: Run, set: ReleaseSet, notes: readonly string[]): Promise<Outcome<Planned<ObjectPlan>>> {
  const plan = await makePlan(await planInput(run, set, { isWayBack: false, signal: run.untilWriting }));
  return plan.ok ? done({ plan: plan.value, told: describe(run, set, { plan: plan.value, notes }) }) : plan;
}

function describe(
  run: Run,
  { meta }: ReleaseSet,
  { plan, notes }: { plan: ObjectPlan; notes: readonly string[] },
): OperationPlan {
  const changes = changesOf(plan);
  const { version, history } = run.installation.status;
  const [good] = history;
  const from = version === undefined || run.sameSet ? '' : ` from ${version}`;
  const back = good
    ? ` If it fails, generation ${good.generation} (${good.version}) is put back; an approval covers that too.`
    : '';
  // The digests bind an approval to the very content, of which the changes show only places.
  const objects = run.record.status.renderRef?.split(' ').at(-1) ?? '';
  const content = `Release ${meta.releaseDigest}, parameters ${meta.parametersDigest}, objects ${objects}.`;
  const told = sentences(`${run.title}${from}: ${countsOf(changes)}`, ...runStateSentences(run), ...notes);
  return toldPlan(`${told}. ${content}${back}`, changes);
}

/** The digest binds an approval to the whole of it, however much of it is shown. */
function runStateSentences({ runState }: Run): string[] {
  const text = runStateText(runState);
  if (text === undefined && runState.restartToken === undefined) return [];
  return [`How it runs: ${text ?? 'as released'} (${sha256(canonicalJson(runState))})`];
}

/** The journal says that it is running before the first change. */
async function begin(run: Run, told: OperationPlan, deadlineSeconds: number): Promise<void> {
  const now = run.context.now();
  run.beginWriting();
  await run.move({
    state: 'running',
    phase: 'apply',
    message: `applying: ${countsOf(told.changes)}`,
    tellsPlan: true,
    also: {
      plan: told,
      planDigest: told.digest,
      startedAt: now.toISOString(),
      deadlineAt: new Date(now.getTime() + deadlineSeconds * 1_000).toISOString(),
    },
  });
}

/** Apply, roll out, settle; or from where it was when the agent ended. */
async function forward(run: Run, set: ReleaseSet, plan: ObjectPlan | undefined): Promise<Outcome<void>> {
  if (run.record.status.phase === 'apply') {
    const applied = await run.span('apply', () => applySet(run, set, { given: plan, isWayBack: false }));
    if (!applied.ok) return applied;
    await run.move({ state: 'running', phase: 'roll-out', message: 'applied; waiting until everything is ready' });
  }
  return run.span('roll-out', () => rollOut(run, set, { isWayBack: false }));
}

async function finish(run: Run, { meta }: ReleaseSet): Promise<void> {
  const { context, record, installation } = run;
  const { generation } = record.spec;
  const { history, counters } = installation.status;
  const entry: HistoryEntry = {
    generation,
    version: meta.version,
    releaseDigest: meta.releaseDigest,
    parametersDigest: meta.parametersDigest,
    renderRef: record.status.renderRef ?? '',
    ...(canonicalJson(run.runState) !== canonicalJson(AS_RELEASED) && { runState: run.runState }),
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
    history: kept,
    counters: withCounter(counters, meta),
    unneeded,
  });
  const message = sentences(`done: ${run.title}`, ...stillGrowing(run, meta));
  await run.move({ state: 'succeeded', phase: 'done', message });
  await removeSets(context, unneeded);
}

const MAX_CLAIMS = 5;

/**
 * Volumes that are not yet as large as asked. They do not hold the operation up: the pods are ready with what they have,
 * a driver may take hours, and nothing could be put back, since no volume shrinks.
 */
function stillGrowing({ context, installation }: Run, { permissions }: SetMeta): string[] {
  const { view } = context.monitors.watch(installation, kindsToWatch(permissions));
  const growing = [...view.objects.claims.values()].flatMap(({ name, growing: sizes }) =>
    sizes ? [`PersistentVolumeClaim/${name} has ${sizes.from} of the ${sizes.to} asked for`] : [],
  );
  if (growing.length === 0) return [];
  const shown = growing.slice(0, MAX_CLAIMS).join(', ');
  const rest = growing.length > MAX_CLAIMS ? ` and ${growing.length - MAX_CLAIMS} more likewise` : '';
  return [`Its storage still grows: ${shown}${rest}. The storage driver does that; some need the pod to be restarted`];
}

const DENIALS: ReadonlySet<string> = new Set(['denied-by-policy', 'frozen', 'approval-rejected']);

/** Nothing was written: what ran before runs on. */
export async function refuse(run: Run, failure: Failure): Promise<void> {
  const { context, installation, record } = run;
  const { history, inventory } = installation.status;
  const unneeded = unneededSets([record.status.renderRef], history);
  const isFirst = history.length === 0 && inventory.length === 0;
  await context.installations.write(installation.name, {
    message: `${run.title} was refused: ${failure.message}`.slice(0, 1_000),
    ...(isFirst && { state: 'failed' }),
    unneeded,
  });
  await run.move({ state: DENIALS.has(failure.reason) ? 'denied' : 'failed', phase: 'done', ...failure });
  await removeSets(context, unneeded);
}
