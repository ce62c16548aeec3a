import { setTimeout as delay } from 'node:timers/promises';
import { isBeingDeleted } from '../../../kube/object.ts';
import type { InventoryEntry } from '../../../operations/installation/installation-object.ts';
import { inParallel } from '../../../parallel.ts';
import { executeStep } from '../../execute/steps.ts';
import { allOf, done, failed, type Outcome } from '../../outcome.ts';
import { entryName, inventoryKey, objectKey } from '../../plan/inventory.ts';
import { inOrderOfRemoval } from '../../plan/kind-order.ts';
import { loadClaims } from '../../volumes/load-claims.ts';
import { deadlineOf } from '../run/deadline.ts';
import type { Run } from '../run/run.ts';
import { loadAll } from './live-entries.ts';
import type { Removal } from './plan-removal.ts';
import { isClaimEntry, type Going } from './removal-order.ts';

const FIRST_LOOK_MS = 200;
const MAX_LOOK_MS = 2_000;
const WIDTH = 4;
/** However late it is, what goes has that long to go: an agent that was away has not looked. */
const LEAST_MS = 60_000;

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
      isBeingDeleted(claim) &&
      (keys.has(objectKey(claim)) || claim.metadata.ownerReferences?.some(({ uid }) => uids.has(uid)) === true),
  );
  if (!held) return 'a finalizer may hold it up';
  const claim = held.metadata.name;
  const look = `kubectl --namespace ${namespace} describe persistentvolumeclaim ${claim}`;
  const words = `a pod that uses ${claim} holds it, also one that has ended: "Used By" of ${look} names it. When that pod is gone it goes, with what is in it: uninstall again then`;
  return run.record.spec.desired.deleteVolumes && left.every(isClaimEntry)
    ? `${words}, or without waiting for it: steward uninstall ${name}, without --delete-volumes`
    : words;
}
