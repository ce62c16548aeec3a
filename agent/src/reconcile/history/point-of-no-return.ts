import type {
  HistoryEntry,
  InstallationStatus,
  PointOfNoReturn,
} from '../../operations/installation/installation-object.ts';
import { keptGeneration } from './good-generations.ts';
import type { Run } from '../operation/run/run.ts';
import type { SetMeta } from '../render/release-set.ts';
import { standingGeneration } from './standing-set.ts';

/** Characters that are kept of the names of hooks. */
const MAX_HOOKS = 1_000;

/** What of the signed release tells whether it is an older one. */
type Signed = Pick<SetMeta, 'version' | 'releaseDigest' | 'signedBy' | 'counter'>;

type WhatItApplies = Pick<Run, 'kind' | 'sameSet' | 'record' | 'installation'>;

/** @param hooks of that generation, which going back does not undo, as in `Job/migrate (pre-upgrade)`; what is too long is cut */
export function pointOf(
  generation: number,
  hooks: string,
  { releaseDigest: digest, signedBy, counter }: Signed,
): PointOfNoReturn {
  return { generation, hooks: hooks.slice(0, MAX_HOOKS), release: { digest, signedBy, counter } };
}

/**
 * What going back to this release would not undo, as a sentence; undefined when nothing of that kind lies between. What it
 * is called does not count: an upgrade to what ran before the point goes back over it as a rollback does.
 */
export function crossedPoint(
  { kinds, sameSet, record, installation: { status } }: Pick<Run, 'kinds' | 'sameSet' | 'record' | 'installation'>,
  meta: Signed,
): string | undefined {
  const { pointOfNoReturn: point } = status;
  if (!point) return undefined;
  if (kinds.includes('rollback')) {
    // A remedy goes back too where something else may be there.
    const target = record.spec.desired.operation.toGeneration ?? sameSet?.generation;
    return target === undefined || target >= point.generation ? undefined : sentence(point, `generation ${target}`);
  }
  return kinds.includes('upgrade') && isBefore(meta, point, status) ? sentence(point, meta.version) : undefined;
}

/**
 * What an operation before this one ran over a good generation without ending well, as in `Job/migrate (pre-upgrade) of
 * generation 5`: the data may be as only that one's release reads them. Undefined where there is none, or the good one ran on,
 * or this one applies itself what going back would put there: that was agreed to.
 */
export function pointSince(run: WhatItApplies, good: HistoryEntry): string | undefined {
  const { state, pointOfNoReturn: point } = run.installation.status;
  if (state !== 'failed' || !point || point.generation <= good.generation || applies(run, good)) return undefined;
  return `${point.hooks} of generation ${point.generation}`;
}

function applies({ kind, sameSet, record, installation: { status } }: WhatItApplies, good: HistoryEntry): boolean {
  const { toGeneration } = record.spec.desired.operation;
  return sameSet !== undefined || (kind === 'rollback' && keptGeneration(status.history, toGeneration) === good);
}

function sentence({ generation, hooks }: PointOfNoReturn, to: string): string {
  return `Generation ${generation} ran ${hooks}: going back to ${to} does not undo that.`;
}

/**
 * By the counter, since one may lie between that never ran well here; where another key signed it, or an older agent
 * wrote the point, by whether it ran before.
 */
function isBefore(
  { releaseDigest, signedBy, counter }: Signed,
  { generation, release }: PointOfNoReturn,
  status: InstallationStatus,
): boolean {
  const isThePoint = releaseDigest === release?.digest;
  const runsNow = standingGeneration(status)?.releaseDigest === releaseDigest;
  const lastRan = status.history.find((entry) => entry.releaseDigest === releaseDigest)?.generation;
  if (isThePoint || runsNow || (lastRan ?? 0) >= generation) return false;
  return release?.signedBy === signedBy ? counter <= release.counter : lastRan !== undefined;
}
