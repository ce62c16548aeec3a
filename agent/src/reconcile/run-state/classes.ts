import {
  AS_RELEASED,
  canonicalJson,
  isRemedy,
  sha256,
  type DesiredState,
  type OperationKind,
  type RemedyKind,
  type RunState,
} from '@steward/shared';
import type { HistoryEntry, InstallationStatus } from '../../operations/installation/installation-object.ts';

/** What an operation is, by what runs here. */
export interface Classified {
  /** What it is called, first; and all that the policy must agree to. */
  kinds: [OperationKind, ...OperationKind[]];
  /** How it is to run when it is done, and how it ran before. */
  runState: RunState;
  present: RunState;
  /** The last good generation, when this one runs the very same set in another way. */
  sameSet: HistoryEntry | undefined;
}

/**
 * The hub cannot choose an easier class: whether something is there already, whether it is the same release with the same
 * parameters, and what changes in how it runs, is the agent's own knowledge.
 */
export function classify(desired: DesiredState, status: InstallationStatus): Classified {
  const [good] = status.history;
  const present = good?.runState ?? AS_RELEASED;
  const runState = desired.runState ?? present;
  const changes = changedKinds(present, runState);
  const { kind } = desired.operation;
  const plain = { runState, present, sameSet: undefined };
  const first = beginningOrEnd(desired, status);
  if (first) return { ...plain, kinds: first };
  // What the hub thought lost is there after all: nothing is rendered, and no hook runs.
  if (kind === 'adopt' && desired.operation.recovers === true && good && isSameContent(good, desired))
    return { runState, present, sameSet: good, kinds: ['adopt', 'upgrade', ...changes] };
  if (kind === 'rollback') return { ...plain, kinds: ['rollback', ...changes] };
  if (!isRemedy(kind)) return { ...plain, kinds: ['upgrade', ...changes] };
  const others = changes.filter((change) => change !== kind);
  // Whoever carries it out refuses it: see checkRemedy.
  if (!good || !isSameContent(good, desired)) return { ...plain, kinds: [kind, ...others] };
  // What is there may be half of another version, which this would take away.
  const back: OperationKind[] = status.state === 'failed' ? ['rollback'] : [];
  return { runState, present, sameSet: good, kinds: [kind, ...others, ...back] };
}

/** How it ends the installation; undefined when it does not. */
export function endKindOf({ action, operation: { kind } }: DesiredState): 'uninstall' | 'leave' | undefined {
  if (kind === 'leave') return kind;
  return action === 'remove' || kind === 'uninstall' ? 'uninstall' : undefined;
}

/** Undefined for what changes something that runs. */
function beginningOrEnd(
  desired: DesiredState,
  { history, inventory }: InstallationStatus,
): Classified['kinds'] | undefined {
  const end = endKindOf(desired);
  if (end !== undefined) return [end];
  const { generation, operation } = desired;
  const { kind } = operation;
  const isNew = history.length === 0 && inventory.length === 0;
  // A kill may have come after this very generation was written down as good.
  const hasRun = history.some((entry) => entry.generation < generation);
  // What an earlier one has left half done may be half of another version.
  if (kind === 'adopt' && !hasRun) return isNew ? ['adopt'] : ['adopt', 'upgrade'];
  return isNew ? ['install'] : undefined;
}

function isSameContent(
  { releaseDigest, parametersDigest }: HistoryEntry,
  { release, parameters }: DesiredState,
): boolean {
  return releaseDigest === release.digest && parametersDigest === sha256(canonicalJson(parameters));
}

/** Which remedies lie between two ways to run. */
export function changedKinds(from: RunState, to: RunState): RemedyKind[] {
  const kinds: RemedyKind[] = [];
  if (from.restartToken !== to.restartToken) kinds.push('restart');
  if (from.stopped !== to.stopped) kinds.push(to.stopped ? 'stop' : 'start');
  if (canonicalJson(from.replicas) !== canonicalJson(to.replicas)) kinds.push('scale');
  if (canonicalJson(from.resources ?? {}) !== canonicalJson(to.resources ?? {})) kinds.push('resize');
  if (canonicalJson(from.autoscale ?? {}) !== canonicalJson(to.autoscale ?? {})) kinds.push('autoscale');
  if (canonicalJson(from.schedule) !== canonicalJson(to.schedule)) kinds.push('schedule');
  return kinds;
}
