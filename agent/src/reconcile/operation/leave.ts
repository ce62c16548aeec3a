import { grantName, type OperationPlan } from '@steward/shared';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { sentences } from '../../sentences.ts';
import { STEWARD_LABELS } from '../adopt/helm-marks.ts';
import { executeStep } from '../execute/steps.ts';
import { allOf, done, type Outcome } from '../outcome.ts';
import { inParallel } from '../../parallel.ts';
import { entryName, namesByKind } from '../plan/inventory.ts';
import { toldPlan } from '../plan/told-plan.ts';
import { loadLastGood } from './last-good.ts';
import { loadDecision, obtainConsent, type Planned } from './prepare/consent.ts';
import { awaitRights, findMissingRights } from './prepare/rights.ts';
import { endRemoved, endUnfinished, hasEndedWell, endRefused } from './run/ends.ts';
import { deadlineOf } from './run/deadline.ts';
import type { Run } from './run/run.ts';

const DEADLINE_MS = 5 * 60_000;
const WIDTH = 4;

/**
 * Ends an installation and leaves all of it as it runs, as a Helm release again: no object is made, changed in what it does
 * or removed. Safe to begin again after a kill: what was given back is left alone.
 */
export async function leave(run: Run): Promise<void> {
  if (run.record.status.state !== 'running') {
    const agreed = await prepare(run);
    if (!agreed.ok) return endRefused(run, agreed.failure);
    const message = `letting go of ${countOf(run.installation.status.inventory)}`;
    await run.begin({ phase: 'apply', message, told: agreed.value.told, reach: [], lastsMs: DEADLINE_MS });
  }
  await run.write({});
  // Nobody is to put right what others change from here on, or to tell of it.
  run.context.monitors.end(run.installation.name);
  const given = await run.span('give-back', () => giveBack(run));
  if (!given.ok) return endUnfinished(run, given.failure);
  const left = whatRunsOn(run, run.installation.status.inventory);
  const message = [`${run.title} is done. ${left}`, ...whatIsNotGiven(run, given.value)].join('\n');
  await endRemoved(run, { stays: [], message: saidAtRemoval(run) ?? message });
}

/** By an earlier life of the agent that could not say its last word: what was given back is not in the inventory any more. */
function saidAtRemoval({ installation: { status }, record }: Run): string | undefined {
  return hasEndedWell(status, record.spec.generation) ? status.message : undefined;
}

async function prepare(run: Run): Promise<Outcome<Planned<void>>> {
  const decision = await loadDecision(run);
  if (!decision.ok) return decision;
  const set = await loadLastGood(run);
  if (set) await awaitRights(run, set.meta.permissions);
  await run.move({ state: run.record.status.state, phase: 'plan', message: `looking at what is there: ${run.title}` });
  const replan = async (): Promise<Outcome<Planned<void>>> => done({ plan: undefined, told: describe(run) });
  return run.span('approve', () => obtainConsent(run, { plan: undefined, told: describe(run) }, replan));
}

function describe(run: Run): OperationPlan {
  const { inventory } = run.installation.status;
  const { releaseName, namespace } = run.helmRelease;
  const what = `Steward lets go of ${countOf(inventory)}, which stay as they run`;
  const summary = sentences(`${run.title}: ${what}`, `Helm's name of it is ${releaseName} in namespace ${namespace}`);
  return toldPlan(
    summary,
    inventory.map((entry) => ({ action: 'keep', object: entryName(entry) })),
  );
}

function countOf({ length }: readonly InventoryEntry[]): string {
  return length === 1 ? '1 object' : `${length} objects`;
}

/** @returns what could not be given back, since no grant names it any more */
async function giveBack(run: Run): Promise<Outcome<InventoryEntry[]>> {
  const { context, helmRelease: release, signal } = run;
  const { kube, config, now } = context;
  const step = { kube, fieldManager: config.fieldManager, signal, now, deadlineMs: deadlineOf(run, false) };
  const { inventory } = run.installation.status;
  const tried = await inParallel(inventory, WIDTH, async (entry) => ({
    entry,
    outcome: await executeStep({ type: 'give-back', entry, release }, step),
  }));
  const refused = tried.filter(({ outcome }) => !outcome.ok && outcome.failure.reason === 'missing-rights');
  const areTaken = refused.length > 0 && (await lacksRights(run));
  const counts = areTaken ? tried : tried.filter((one) => !refused.includes(one));
  const given = allOf(counts.map(({ outcome }) => outcome));
  return given.ok ? done(refused.map(({ entry }) => entry)) : given;
}

/** Whether rights that it began with were taken away since. Without a set nobody knows which those are: nothing is let go of then. */
async function lacksRights(run: Run): Promise<boolean> {
  const set = await loadLastGood(run);
  if (!set) return true;
  return (await findMissingRights(run, set.meta.permissions, { signal: run.signal })) !== undefined;
}

function whatIsNotGiven({ installation: { namespace } }: Run, entries: readonly InventoryEntry[]): string[] {
  if (entries.length === 0) return [];
  const labels = STEWARD_LABELS.map((label) => `${label}-`).join(' ');
  const lines = namesByKind(entries).map(
    ([kind, names]) => `kubectl --namespace ${namespace} label ${kind} ${names} ${labels}`,
  );
  return ["What no grant names any more stays as it is, with Steward's labels. To take them off:", ...lines];
}

/** The rights are the customer's to take back: the agent holds none to do that. */
function whatRunsOn({ context, installation, helmRelease }: Run, inventory: readonly InventoryEntry[]): string {
  const { namespace } = installation;
  const grant = grantName(context.config.organization);
  return [
    `${countOf(inventory)} run on as the Helm release ${helmRelease.releaseName}, and nothing looks after them now but plain Helm (see steward export).`,
    "To take the agent's rights back:",
    `kubectl --namespace ${namespace} delete role,rolebinding ${grant}`,
    `kubectl label namespace ${namespace} steward.dev/installation- steward.dev/organization-`,
  ].join('\n');
}
