import { canonicalJson, PAUSED_ANNOTATION } from '@steward/shared';
import type { DriftEntry } from '../../operations/installation/drift-status.ts';
import type {
  HistoryEntry,
  InstallationRecord,
  InventoryEntry,
} from '../../operations/installation/installation-object.ts';
import { decide } from '../../policy/decide.ts';
import { loadPolicies } from '../../policy/load-policies.ts';
import type { ReconcileContext } from '../context.ts';
import { executeStep } from '../execute/steps.ts';
import { entryOf, inventoryKey } from '../plan/inventory.ts';
import { inOrder } from '../plan/kind-order.ts';
import { ownPart } from '../fields/never-ours.ts';
import { inParallel } from '../../parallel.ts';
import type { ObjectPlanInput } from '../plan/plan-object.ts';
import { setInput, standingRelease } from '../plan/set-input.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { findStandingSet, standingGeneration } from '../history/standing-set.ts';
import { driftStatus, judge, repaired, type Finding, type Leave, type Repair, type Told } from './ledger.ts';
import { objectKey } from '../plan/inventory.ts';
import { leftWith, lookAt, pausedWith, waitsForClaims, type Looked } from './look.ts';

export interface DriftCheck {
  context: ReconcileContext;
  tell: (told: Told, installationId: string) => void;
  name: string;
  /** Which objects of the set, by key of the inventory; undefined: all. */
  keys: ReadonlySet<string> | undefined;
  /** With the set, before anything of it is looked at: from then on no change may be missed. */
  beforeLook: (set: ReleaseSet) => Promise<void>;
  /** Ends the look. What is being put right is finished before: an operation waits for it. */
  untilWriting: AbortSignal;
  signal: AbortSignal;
}

const WIDTH = 4;
/** An API or a webhook that does not answer is waited for so long: others wait for their look, or for what is being put right. */
const PATIENCE_MS = 60_000;
/** Of the entry that says the whole installation is paused. */
const PAUSED_KEY = 'Installation';
/** Of the entries that say that nothing can be looked at: without the rights, or without the stored set. */
const RIGHTS_KEY = 'Namespace';
const SET_KEY = 'StoredSet';

/**
 * Compares the stored set of the good generation with what lives, and puts right what somebody else changed, where release
 * and customer let it. Nothing is rendered, and nothing is written when nothing differs.
 * @returns false when nothing runs that could drift
 */
export async function checkDrift(check: DriftCheck): Promise<boolean> {
  const { context, name, untilWriting } = check;
  const installation = await context.installations.read(name);
  const { drift, schedule } = installation.status;
  // It is being stopped or started, or may not be: what is half done is nobody's change.
  if (schedule?.isTurning === true) return false;
  const good = standingGeneration(installation.status);
  if (!good) {
    if (drift) await write(check, installation, []);
    return false;
  }
  const found = await findStandingSet(context, good, installation);
  if (!found.ok) return await tellLostSet(check, installation, { good, message: found.failure.message });
  const set = found.value;
  await check.beforeLook(set);
  untilWriting.throwIfAborted();
  const looked = await look(check, installation, set);
  if (looked.some(({ lacksRights }) => lacksRights)) return await tellMissingRights(check, installation);
  const leave = await leaveFor(check, set, looked);
  const findings = looked.map(({ finding }) => (leave.mayRepair ? finding : leftWith(finding, leave.why, name)));
  const known = stillMeant(check, set, drift?.entries ?? []);
  const { entries, repairs, told } = judge(known, [...findings, pauseOf(installation)], leave);
  const inventory = knownUids(installation, looked);
  untilWriting.throwIfAborted();
  await write(check, installation, entries, inventory);
  for (const one of told) check.tell(one, installation.id);
  if (repairs.length > 0) await putRight(check, { installation, set, looked, repairs, entries });
  return true;
}

function tellLostSet(
  check: DriftCheck,
  installation: InstallationRecord,
  { good, message }: { good: HistoryEntry; message: string },
): Promise<never> {
  const [secret = ''] = good.renderRef.split(' ', 1);
  return tellBlind(check, installation, { key: SET_KEY, object: `Secret/${secret}`, message });
}

function tellMissingRights(check: DriftCheck, installation: InstallationRecord): Promise<never> {
  const { name, namespace } = installation;
  const message = `The agent lacks rights in namespace ${namespace}, so nothing there can be compared or put right. Apply the grant of the installation again; the vendor prints it by: steward installation grant ${name}`;
  return tellBlind(check, installation, { key: RIGHTS_KEY, object: `Namespace/${namespace}`, message });
}

/**
 * One word about why nothing can be looked at, instead of one about each object; the next whole look forgets it.
 * @throws Error so that it is looked again soon
 */
async function tellBlind(
  check: DriftCheck,
  installation: InstallationRecord,
  { key, object, message }: { key: string; object: string; message: string },
): Promise<never> {
  const held = { state: 'refused', message } as const;
  const finding: Finding = { key, object, what: 'same', changes: [], held };
  const leave: Leave = { mayRepair: false, why: message, now: check.context.now() };
  const { entries, told } = judge(installation.status.drift?.entries ?? [], [finding], leave);
  check.untilWriting.throwIfAborted();
  await write(check, installation, entries);
  for (const one of told) check.tell(one, installation.id);
  throw new Error(message);
}

/** What was said of an object that the set no longer has is forgotten with a look at all of it. */
function stillMeant(
  { keys }: DriftCheck,
  { objects }: ReleaseSet,
  entries: readonly DriftEntry[],
): readonly DriftEntry[] {
  if (keys) return entries;
  const meant = new Set([...objects.map(objectKey), PAUSED_KEY]);
  return entries.filter(({ key }) => meant.has(key));
}

async function look(check: DriftCheck, installation: InstallationRecord, set: ReleaseSet): Promise<Looked[]> {
  const { keys, untilWriting } = check;
  const untilMs = check.context.now().getTime() + PATIENCE_MS;
  const isLate = (): boolean => check.context.now().getTime() > untilMs;
  const input = { ...planInputOf(check, installation, set, untilWriting), isLate };
  const objects = set.objects.filter((object) => keys?.has(objectKey(object)) ?? true);
  let mayLook = true;
  const looked = await inParallel(objects, WIDTH, async (object) => {
    // Each refusal takes ten seconds to be believed, and other installations wait for their turn.
    const one = mayLook ? await lookAt(object, input) : undefined;
    mayLook &&= one?.lacksRights !== true;
    return one;
  });
  const found = looked.filter((one) => one !== undefined);
  return installation.isPaused ? found.map((one) => ({ ...one, finding: pausedWith(one.finding) })) : found;
}

function planInputOf(
  { context }: DriftCheck,
  installation: InstallationRecord,
  set: ReleaseSet,
  signal: AbortSignal,
): ObjectPlanInput {
  const input = setInput(context, installation, standingRelease(installation), set);
  return {
    ...input,
    ours: new Map(input.inventory.map((entry) => [inventoryKey(entry), entry])),
    isRepair: true,
    mayAskLess: true,
    signal,
  };
}

/** Who may say no: the release, and after it the customer, whose policy is asked only when there is something to do. */
async function leaveFor(
  { context, name, untilWriting }: DriftCheck,
  { meta }: ReleaseSet,
  looked: readonly Looked[],
): Promise<Leave> {
  const now = context.now();
  const mayGoOn = ({ finding }: Looked): boolean => (finding.held ? waitsForClaims(finding) : finding.what !== 'same');
  if (!looked.some(mayGoOn)) return { mayRepair: false, why: '', now };
  const policies = await loadPolicies(context.kube, context.config.namespace, untilWriting);
  const decision = decide('repair', name, policies);
  if (decision.effect !== 'allow') return { mayRepair: false, why: decision.message, now };
  const isReport = meta.drift?.mode === 'report';
  return { mayRepair: !isReport, why: 'this version only tells what others change (drift.mode: report)', now };
}

function pauseOf({ name, isPaused }: InstallationRecord): Finding {
  const finding: Finding = { key: PAUSED_KEY, object: `Installation/${name}`, what: 'same', changes: [] };
  if (!isPaused) return finding;
  const message = `Installation/${name} has the annotation ${PAUSED_ANNOTATION}: nothing of it is put right`;
  return { ...finding, held: { state: 'paused', message } };
}

interface Work {
  installation: InstallationRecord;
  set: ReleaseSet;
  looked: readonly Looked[];
  repairs: readonly Repair[];
  entries: readonly DriftEntry[];
}

/** One object after the other, kind after kind; each is an apply over the very object that was looked at. */
async function putRight(check: DriftCheck, work: Work): Promise<void> {
  const { context, signal, tell } = check;
  const { installation, set, looked, repairs, entries } = work;
  const input = planInputOf(check, installation, set, signal);
  const lostOf = new Map(repairs.map(({ key, lost }) => [key, lost]));
  const outcomes = new Map<string, string | undefined>();
  const made: InventoryEntry[] = [];
  const deadlineMs = context.now().getTime() + PATIENCE_MS;
  const step = { kube: context.kube, fieldManager: input.fieldManager, signal, now: context.now, deadlineMs };
  const wanted = looked.filter(({ finding }) => lostOf.has(finding.key));
  for (const { found, finding } of inOrder(wanted, ({ found: { ref } }) => ref.kind).flat()) {
    const { ref, live, object: whole } = found;
    const object = live
      ? ownPart(whole, live, { ...input, isRepair: true, lost: lostOf.get(finding.key) ?? [] })
      : whole;
    const uid = live?.metadata.uid;
    // The uid is a precondition: one that was made anew meanwhile is looked at first.
    const bound = uid === undefined ? object : { ...object, metadata: { ...object.metadata, uid } };
    const outcome = await executeStep({ type: 'apply', ref, object: bound, force: live !== undefined }, step);
    outcomes.set(finding.key, outcome.ok ? undefined : outcome.failure.message);
    if (outcome.ok) made.push(entryOf(ref, whole, outcome.value.uid));
  }
  const after = repaired(entries, outcomes, context.now());
  await write(check, installation, after.entries, withUids(installation.status.inventory, made));
  for (const one of after.told) tell(one, installation.id);
}

/** An object that a kill came after is known by its label; from now on by its uid too. */
function knownUids({ status }: InstallationRecord, looked: readonly Looked[]): InventoryEntry[] {
  const live = looked.flatMap(({ found: { ref, object, live: one } }) =>
    one?.metadata.uid === undefined ? [] : [entryOf(ref, object, one.metadata.uid)],
  );
  return withUids(status.inventory, live);
}

function withUids(inventory: readonly InventoryEntry[], known: readonly InventoryEntry[]): InventoryEntry[] {
  const uids = new Map(known.map((entry) => [inventoryKey(entry), entry.uid]));
  return inventory.map((entry) => {
    const uid = uids.get(inventoryKey(entry));
    return uid === undefined || uid === entry.uid ? entry : { ...entry, uid };
  });
}

/** Nothing is written that is written already. */
async function write(
  { context, name }: DriftCheck,
  { status }: InstallationRecord,
  entries: readonly DriftEntry[],
  inventory: InventoryEntry[] = status.inventory,
): Promise<void> {
  const drift = driftStatus(entries);
  const isSame = canonicalJson(drift ?? null) === canonicalJson(status.drift ?? null);
  const hasNewUids = inventory.some((entry, index) => entry !== status.inventory[index]);
  if (isSame && !hasNewUids) return;
  await context.installations.write(name, {
    ...(!isSame && { drift: drift ?? null }),
    ...(hasNewUids && { inventory }),
  });
  if (drift) status.drift = drift;
  else delete status.drift;
  status.inventory = inventory;
  context.monitors.refresh(name);
}
