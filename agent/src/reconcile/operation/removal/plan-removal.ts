import { setTimeout as delay } from 'node:timers/promises';
import { waveOf } from '@steward/shared';
import { WATCHED } from '../../../collect/namespace-objects.ts';
import { isClaimOf, type ClaimMaker } from '../../../collect/objects/storage.ts';
import type { KubeObject } from '../../../kube/client.ts';
import { isKubeError } from '../../../kube/error.ts';
import { nameOf } from '../../../kube/object.ts';
import type { InventoryEntry } from '../../../operations/installation/installation-object.ts';
import { inParallel } from '../../../parallel.ts';
import { loadOthers } from '../../adopt/others.ts';
import { findVery } from '../../execute/find-very.ts';
import { executeStep } from '../../execute/steps.ts';
import { allOf, done, failed, type Outcome } from '../../outcome.ts';
import { entryName, entryOf, inventoryKey, mergedInventory, reasonToKeep } from '../../plan/inventory.ts';
import { inOrderOfRemoval } from '../../plan/kind-order.ts';
import { orRefused, refuse } from '../../plan/plan-object.ts';
import { agreedBy } from '../../plan/reach.ts';
import { endsPods, goingAmong } from '../../volumes/going-claims.ts';
import { loadClaims } from '../../volumes/load-claims.ts';
import { goesWithOwners, withMadeSets } from '../../volumes/owned-claims.ts';
import type { WhoseClaims } from '../../volumes/whose-claims.ts';
import { deadlineOf, isOverdue } from '../run/deadline.ts';
import type { Run } from '../run/run.ts';
import { inTurn, isClaimEntry, uses, type Going } from './removal-order.ts';

export interface Removal {
  goes: Going[];
  stays: InventoryEntry[];
  /** What the agent does not delete and Kubernetes does, since all that owns it goes. */
  follows: KubeObject[];
  /** What is in the namespace and is not this installation's: nobody's business but the customer's. */
  others: string[];
  makers: ClaimMaker[];
  lost: LostClaim[];
}

/** One that somebody is deleting and nobody agreed to lose: it goes when pods of these end, which go, or of something else. */
export interface LostClaim {
  claim: KubeObject;
  isOwn: boolean;
  users: KubeObject[];
}

interface Found {
  entry: InventoryEntry;
  /** Null is what may not be looked at. */
  live: KubeObject | null;
  keep: boolean;
  wave: number;
}

const FIRST_LOOK_MS = 200;
const MAX_LOOK_MS = 2_000;
const WIDTH = 4;
/** However late it is, what goes has that long to go: an agent that was away has not looked. */
const LEAST_MS = 60_000;
const CLAIM = WATCHED.PersistentVolumeClaim.ref;
const SET = WATCHED.StatefulSet.ref;

/**
 * What is there, and what becomes of it. What the agent may not look at stays: no grant names it any more. But for what it was agreed to
 * remove: the rights for that went since, and without them it fails.
 */
export async function planRemoval(run: Run, signal: AbortSignal): Promise<Outcome<Removal>> {
  const { deleteVolumes } = run.record.spec.desired;
  const { entries, ...claims } = await loadOwn(run, signal);
  const { others, makers } = claims;
  const workloads = await loadOthers(run, { applied: run.installation.status.inventory, makers, signal });
  const looked = await loadAll(run, entries, signal);
  if (!looked.ok) return looked;
  const { state, reach } = run.record.status;
  const isAgreed = state === 'running' ? agreedBy(reach) : () => false;
  const decided = looked.value.map(({ entry, live }): Found => {
    if (live === null && !isAgreed(inventoryKey(entry))) return { entry, live, keep: true, wave: 0 };
    const isKept = reasonToKeep(entry.kind, live?.metadata.annotations) !== undefined;
    return { entry, live, keep: isClaimEntry(entry) ? !deleteVolumes : isKept, wave: live ? waveOf(live) : 0 };
  });
  const isNeeded = claimsNeeded(
    decided.filter(({ entry, live, keep }) => keep && !isClaimEntry(entry) && !isGoing(live)),
    claims,
  );
  const found = decided.map((one): Found => ({
    ...one,
    keep: one.keep || (isClaimEntry(one.entry) && one.live !== null && isNeeded(one.live)),
  }));
  const going = found.flatMap(({ entry, live, keep }) => (live && !keep && entry.hook === undefined ? [live] : []));
  const lost = findLost(run, going, claims);
  const uids = uidsThatGo(entries, found, claims.sets);
  const isFollowing = ({ live }: Found): boolean => live !== null && goesWithOwners(live, uids);
  const kept = found.filter(({ keep, live }) => keep && !isGoing(live));
  return done({
    goes: inTurn(
      found.filter(({ keep }) => !keep),
      claims,
    ),
    stays: kept.filter((one) => !isFollowing(one)).map(({ entry }) => entry),
    follows: kept.flatMap((one) => (one.live && isFollowing(one) ? [one.live] : [])),
    others: [...workloads, ...others.filter((other) => !lost.some(({ claim }) => claim === other)).map(nameOf)],
    makers,
    lost,
  });
}

/** All that is known to be of the installation, its claims among them. */
export async function loadOwn(run: Run, signal: AbortSignal): Promise<WhoseClaims & { entries: InventoryEntry[] }> {
  const claims = await loadClaims(run, signal);
  const own = claims.own.map((claim) => entryOf(CLAIM, claim, claim.metadata.uid));
  return { ...claims, entries: mergedInventory(run.installation.status.inventory, own) };
}

/**
 * Whether a claim stays with something that does: with its owner, or what uses it. Of what may not be looked at is known which claims
 * it owns or has made, and not what else it uses.
 */
function claimsNeeded(staying: readonly Found[], { sets, makers }: WhoseClaims): (claim: KubeObject) => boolean {
  const uids = withMadeSets(
    staying.flatMap(({ entry, live }) => live?.metadata.uid ?? entry.uid ?? []),
    sets,
  );
  const users = [
    ...staying.flatMap(({ live }) => live ?? []),
    ...sets.filter(({ metadata }) => uids.has(metadata.uid ?? '')),
  ];
  const unseen = new Set(
    staying.flatMap(({ entry, live }) => (live === null && entry.kind === SET.kind ? [entry.name] : [])),
  );
  const made = makers.filter(({ set }) => unseen.has(set));
  return (claim) =>
    claim.metadata.ownerReferences?.some(({ uid }) => uids.has(uid)) === true ||
    users.some((live) => uses(live, claim)) ||
    made.some((maker) => isClaimOf(maker, claim.metadata.name));
}

/** Of what goes, or is gone already, and of the StatefulSets that operators made for it. */
function uidsThatGo(
  entries: readonly InventoryEntry[],
  found: readonly Found[],
  sets: readonly KubeObject[],
): ReadonlySet<string> {
  const uids = new Set(entries.flatMap(({ uid }) => uid ?? []));
  for (const { entry, live, keep } of found) {
    const uid = entry.uid ?? live?.metadata.uid;
    if (uid === undefined) continue;
    if (keep && !isGoing(live)) uids.delete(uid);
    else uids.add(uid);
  }
  return withMadeSets(uids, sets);
}

function findLost({ record }: Run, goes: readonly KubeObject[], { own, others, sets }: WhoseClaims): LostClaim[] {
  const standing = goes.filter((live) => !isGoing(live));
  const uids = new Set(standing.map(({ metadata }) => metadata.uid));
  const made = sets.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uids.has(uid)));
  const ending = [...standing, ...made].filter(endsPods);
  const claims = record.spec.desired.deleteVolumes ? others : [...own, ...others];
  return claims.filter(isGoing).flatMap((claim) => {
    const users = ending.filter((live) => goingAmong([claim], [live]));
    const isOwn = own.includes(claim);
    return isOwn || users.length > 0 ? [{ claim, isOwn, users }] : [];
  });
}

/** By somebody's hand; what is to stay does not, then. */
function isGoing(live: KubeObject | null): boolean {
  return live?.metadata.deletionTimestamp !== undefined;
}

/** What came since the plan was agreed to stays, but for what hooks of this very operation made. */
export function withinAgreed(removal: Removal, reach: readonly string[] | undefined): Removal {
  const { goes, stays } = removal;
  const isInPlan = agreedBy(reach);
  const isAgreed = ({ entry }: Going): boolean => entry.hook !== undefined || isInPlan(inventoryKey(entry));
  const came = goes.filter((going) => !isAgreed(going)).map(({ entry }) => entry);
  return { ...removal, goes: goes.filter(isAgreed), stays: [...stays, ...came] };
}

/** What lives of these; null is what may not be looked at. An API that does not answer is waited for until the deadline. */
export async function loadAll(
  run: Run,
  entries: readonly InventoryEntry[],
  signal: AbortSignal,
): Promise<Outcome<{ entry: InventoryEntry; live: KubeObject | null }[]>> {
  return orRefused(async () => {
    const found = await inParallel(entries, WIDTH, async (entry) => {
      const live = await load(run, entry, signal);
      return live === undefined ? undefined : { entry, live };
    });
    return done(found.filter((one) => one !== undefined));
  });
}

/** Undefined when it is gone or another one. @throws Refused */
async function load(run: Run, entry: InventoryEntry, signal: AbortSignal): Promise<KubeObject | undefined | null> {
  try {
    return (await findVery(run.context.kube, entry, { isLate: () => isOverdue(run, false), signal }))?.object;
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return null;
    return refuse(error, entryName(entry));
  }
}

/** Whether all of these are there and not on their way out; what cannot be looked at may be gone. */
export async function allLiveOn(run: Run, entries: readonly InventoryEntry[], signal: AbortSignal): Promise<boolean> {
  const looked = await loadAll(run, entries, signal);
  return looked.ok && looked.value.length === entries.length && looked.value.every(({ live }) => livesOn(live));
}

/** Whether it is there and not on its way out; what could not be looked at may be gone. */
export function livesOn(live: KubeObject | null | undefined): boolean {
  return live !== null && live !== undefined && !isGoing(live);
}

/**
 * The last wave first, workloads before what they use, each kind gone before the next.
 * @param before what is done before each of these goes
 */
export async function remove(
  run: Run,
  { goes }: Pick<Removal, 'goes'>,
  before: (group: readonly InventoryEntry[]) => Promise<void> = async () => undefined,
): Promise<Outcome<void>> {
  const { kube, config, now } = run.context;
  const { signal } = run;
  const order = { waveOf: ({ wave }: Going) => wave, kindOf: ({ entry }: Going) => entry.kind };
  for (const going of inOrderOfRemoval(goes, order)) {
    const group = going.map(({ entry }) => entry);
    await before(group);
    const context = { kube, fieldManager: config.fieldManager, signal, now, deadlineMs: deadlineOf(run, false) };
    const outcomes = await inParallel(group, WIDTH, (entry) =>
      executeStep({ type: 'remove', entry, propagation: 'Foreground' }, context),
    );
    const removed = allOf(outcomes);
    if (!removed.ok) return removed;
    const gone = await awaitGone(run, group);
    if (!gone.ok) return gone;
  }
  return done(undefined);
}

async function awaitGone(run: Run, group: readonly InventoryEntry[]): Promise<Outcome<void>> {
  const deadlineMs = Math.max(deadlineOf(run, false), run.context.now().getTime() + LEAST_MS);
  let left = [...group];
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, MAX_LOOK_MS)) {
    const found = await loadAll(run, left, run.signal);
    if (!found.ok) return found;
    const unseen = found.value.find(({ live }) => live === null);
    if (unseen) return failed('missing-rights', notSeen(unseen.entry));
    left = found.value.map(({ entry }) => entry);
    if (left.length === 0) return done(undefined);
    const names = left.map(entryName).slice(0, 5).join(', ');
    if (run.context.now().getTime() > deadlineMs)
      return failed('rollout-deadline', `${names} did not go before the deadline; ${await whyNotGone(run, left)}`);
    const message = `waiting until these are gone: ${names}`;
    if (run.record.status.message !== message) await run.move({ state: 'running', phase: 'roll-out', message });
    else await run.context.journal.lookFor(run.record);
    await delay(waitMs, undefined, { signal: run.signal });
  }
}

function notSeen(entry: InventoryEntry): string {
  return `the agent may not look at ${entryName(entry)} any more, so it is not known whether it is gone`;
}

/** For people. What holds a claim is named by kubectl alone: it may be a neighbour's. */
async function whyNotGone(run: Run, left: readonly InventoryEntry[]): Promise<string> {
  const { name, namespace } = run.installation;
  const keys = new Set(left.map(inventoryKey));
  const uids = new Set(left.flatMap(({ uid }) => uid ?? []));
  const { own } = await loadClaims(run, run.signal);
  const held = own.find(
    (claim) =>
      isGoing(claim) &&
      (keys.has(inventoryKey({ ...CLAIM, ...claim.metadata })) ||
        claim.metadata.ownerReferences?.some(({ uid }) => uids.has(uid)) === true),
  );
  if (!held) return 'a finalizer may hold it up';
  const claim = held.metadata.name;
  const look = `kubectl --namespace ${namespace} describe persistentvolumeclaim ${claim}`;
  const words = `a pod that uses ${claim} holds it, also one that has ended: "Used By" of ${look} names it. When that pod is gone it goes, with what is in it: uninstall again then`;
  return run.record.spec.desired.deleteVolumes && left.every(isClaimEntry)
    ? `${words}, or without waiting for it: steward uninstall ${name}, without --delete-volumes`
    : words;
}
