import { canonicalJson, type EventKind, type FieldPath } from '@steward/shared';
import {
  DRIFT_STATES,
  type Contest,
  type DriftEntry,
  type DriftStatus,
} from '../../operations/installation/drift-status.ts';
import { sentences } from '../../sentences.ts';
import type { FieldChange } from '../fields/changed-fields.ts';

/** How often in this time a field may be put right: the third time it is left to whoever changes it. */
export const CONTEST_WINDOW_MS = 10 * 60_000;
export const MAX_CONTESTS = 3;
/** What was put right is shown for this long. */
const REPAIRED_MS = 3_600_000;
const MAX_ENTRIES = 50;
const MAX_FIELDS = 5;
/** Of the object itself: it was deleted. */
const WHOLE: FieldPath = [];

/** What a look at one object of the set has shown. */
export interface Finding {
  key: string;
  object: string;
  what: 'same' | 'changed' | 'gone';
  changes: readonly FieldChange[];
  /** Who changed it, as well as the API server knows. */
  by?: string | undefined;
  /** Claims that its pods would use and that are gone: but for a pause it is refused for them. */
  missing?: readonly string[];
  /** Why it is not put right in any case. */
  held?: { state: 'paused' | 'refused'; message: string } | undefined;
}

/** Whether what differs may be put right, and if not, who says so. */
export interface Leave {
  mayRepair: boolean;
  why: string;
  now: Date;
}

/** An object that is to be put right, but for the fields that somebody else has won. */
export interface Repair {
  key: string;
  lost: FieldPath[];
}

export interface Told {
  kind: Extract<EventKind, `drift.${string}`>;
  message: string;
}

export interface Judged {
  entries: DriftEntry[];
  repairs: Repair[];
  told: Told[];
}

/** What is to be done about findings, by what happened before. Pure. */
export function judge(before: readonly DriftEntry[], findings: readonly Finding[], leave: Leave): Judged {
  const entries = new Map(before.map((entry) => [entry.key, entry]));
  const repairs: Repair[] = [];
  const told: Told[] = [];
  for (const finding of findings) {
    const old = entries.get(finding.key);
    entries.delete(finding.key);
    const next = judgeOne(old, finding, leave);
    if (next.entry) entries.set(finding.key, unchanged(old, next.entry) ?? next.entry);
    if (next.repair) repairs.push(next.repair);
    if (next.told) told.push({ kind: next.told, message: next.entry?.message ?? '' });
  }
  return { entries: bounded([...entries.values()], leave.now), repairs, told };
}

/** The entries after the repairs; what was refused says why. */
export function repaired(
  entries: readonly DriftEntry[],
  outcomes: ReadonlyMap<string, string | undefined>,
  now: Date,
): Omit<Judged, 'repairs'> {
  const told: Told[] = [];
  const after = entries.map((entry): DriftEntry => {
    if (!outcomes.has(entry.key)) return entry;
    const refusal = outcomes.get(entry.key);
    if (refusal !== undefined)
      return { ...entry, state: 'refused', message: sentences(entry.message, `It could not be put right: ${refusal}`) };
    if (entry.state !== 'repairing') return entry;
    const done = wasRepaired(entry);
    told.push({ kind: 'drift.repaired', message: done.message });
    return done;
  });
  return { entries: bounded(after, now), told };
}

/** What kubectl shows of it; undefined when there is nothing to show. */
export function driftStatus(entries: readonly DriftEntry[]): DriftStatus | undefined {
  const [worst] = entries;
  if (!worst) return undefined;
  const more = entries.length > 1 ? ` (and ${entries.length - 1} more)` : '';
  return { state: worst.state, message: `${worst.message.slice(0, 900)}${more}`, entries: [...entries] };
}

interface Next {
  entry?: DriftEntry;
  repair?: Repair;
  told?: Told['kind'] | undefined;
}

function judgeOne(old: DriftEntry | undefined, finding: Finding, leave: Leave): Next {
  if (finding.held) return hold(old, finding, finding.held, leave);
  if (finding.what === 'same') {
    if (old?.state === 'repairing') return { entry: wasRepaired(old), told: 'drift.repaired' };
    return old?.state === 'repaired' ? { entry: old } : {};
  }
  if (!leave.mayRepair) {
    const message = sentences(sentenceOf(finding), `It is left as it is: ${leave.why}`);
    return hold(old, finding, { state: 'reported', message }, leave);
  }
  return contest(old, finding, leave);
}

function hold(
  old: DriftEntry | undefined,
  { key, object, changes }: Finding,
  { state, message }: { state: 'paused' | 'refused' | 'reported'; message: string },
  { now }: Leave,
): Next {
  const { contests } = old ?? {};
  const fields = changes.map(({ shown }) => shown).slice(0, MAX_FIELDS);
  const entry = { key, object, state, message, fields, ...(contests && { contests }), at: now.toISOString() };
  // Another value of the same field is none.
  const isNews = old?.state !== state || namesOf(old.fields) !== namesOf(fields);
  return { entry, told: isNews && (fields.length > 0 || state !== 'paused') ? 'drift.found' : undefined };
}

function namesOf(fields: readonly string[]): string {
  return fields.map((shown) => shown.split(': ')[0]).join(' ');
}

function contest(old: DriftEntry | undefined, finding: Finding, { now }: Leave): Next {
  const { key, object, what, changes } = finding;
  const paths = what === 'gone' ? [WHOLE] : changes.map(({ path }) => path);
  const contests = contestsAfter(old, paths, now);
  const lost = contests.filter(({ isLost }) => isLost).map(({ path }) => path);
  const isNewlyLost = contests.some(({ isLost, at }) => isLost && at.at(-1) === now.toISOString());
  const entry: DriftEntry = {
    key,
    object,
    state: lost.length > 0 ? 'contested' : 'repairing',
    message:
      lost.length > 0
        ? sentences(
            sentenceOf(finding),
            `It was changed ${MAX_CONTESTS} times in ten minutes, so it is not put right any more`,
          )
        : sentenceOf(finding),
    fields: changes.map(({ shown }) => shown).slice(0, MAX_FIELDS),
    contests,
    at: now.toISOString(),
  };
  const isAllLost = paths.every((path) => lost.some((other) => isSamePath(other, path)));
  return {
    entry,
    ...(!isAllLost && { repair: { key, lost } }),
    told: isNewlyLost ? 'drift.contested' : undefined,
  };
}

/** This time counts for each field that differs now, unless a kill came between writing it down and putting it right. */
function contestsAfter(old: DriftEntry | undefined, paths: readonly FieldPath[], now: Date): Contest[] {
  const known = old?.contests ?? [];
  const oldestMs = now.getTime() - CONTEST_WINDOW_MS;
  const isRecent = (at: string): boolean => Date.parse(at) > oldestMs;
  const others = known.filter((one) => !one.isLost && !paths.some((path) => isSamePath(path, one.path)));
  const counted = paths.map((path): Contest => {
    const before = known.find((one) => isSamePath(one.path, path));
    if (before?.isLost || (before && old?.state === 'repairing')) return before;
    const at = [...(before?.at ?? []).filter(isRecent), now.toISOString()];
    return { path: [...path], at, ...(at.length >= MAX_CONTESTS && { isLost: true }) };
  });
  return [...others.filter(({ at }) => at.some(isRecent)), ...counted];
}

function wasRepaired(entry: DriftEntry): DriftEntry {
  return { ...entry, state: 'repaired', message: sentences(entry.message, 'It was put right') };
}

function sentenceOf({ object, what, changes, by }: Finding): string {
  if (what === 'gone') return `${object} was deleted`;
  const shown = changes.slice(0, MAX_FIELDS).map((change) => change.shown);
  const more = changes.length > MAX_FIELDS ? ` and ${changes.length - MAX_FIELDS} more` : '';
  return `${object}: changed by ${by ?? 'somebody'}: ${shown.join(', ')}${more}`;
}

/** The old entry when the new one says the same: time alone is no news. */
function unchanged(old: DriftEntry | undefined, entry: DriftEntry): DriftEntry | undefined {
  if (!old || old.state !== entry.state || old.message !== entry.message) return undefined;
  return canonicalJson(old.contests ?? []) === canonicalJson(entry.contests ?? []) ? old : undefined;
}

/** The worst first, of those the newest; what was put right a while ago goes. */
function bounded(entries: readonly DriftEntry[], now: Date): DriftEntry[] {
  const oldestMs = now.getTime() - REPAIRED_MS;
  return entries
    .filter(({ state, at }) => state !== 'repaired' || Date.parse(at) > oldestMs)
    .toSorted((a, b) => rankOf(a) - rankOf(b) || (a.at < b.at ? 1 : -1))
    .slice(0, MAX_ENTRIES);
}

function rankOf({ state }: DriftEntry): number {
  return DRIFT_STATES.indexOf(state);
}

function isSamePath(a: FieldPath, b: FieldPath): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}
