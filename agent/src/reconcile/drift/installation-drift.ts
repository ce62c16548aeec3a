import { setTimeout as delay } from 'node:timers/promises';
import type { ResourceRef } from '../../kube/client.ts';
import { groupOf } from '../../kube/object.ts';
import { InstallationGoneError } from '../../operations/installation/installations.ts';
import type { ReconcileContext } from '../context.ts';
import { kindsToWatch } from '../monitors.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import type { Slots } from '../render/slots.ts';
import { makersIn } from '../volumes/claim-makers.ts';
import { checkDrift, type DriftCheck } from './check-drift.ts';
import { objectKey } from '../plan/inventory.ts';
import { ObjectMarks, type Marked } from './object-marks.ts';

export interface DriftTimings {
  /** An object is looked at when nothing about it has changed for so long, … */
  settleMs: number;
  /** … or when it has not come to rest in this time. */
  maxSettleMs: number;
  /** After a start everything is looked at within this time. */
  startSpreadMs: number;
  /** What cannot be watched is looked at this often, give or take a fifth; also what was left as it is. */
  slowMs: number;
  /** After an error it is tried again. */
  retryMs: number;
}

export const DRIFT_TIMINGS: DriftTimings = {
  settleMs: 1_500,
  maxSettleMs: 10_000,
  startSpreadMs: 10_000,
  slowMs: 600_000,
  retryMs: 30_000,
};

/** A kind that may not be watched must not hold up the others. */
const SYNC_PATIENCE_MS = 3_000;

export interface InstallationDriftOptions {
  context: ReconcileContext;
  name: string;
  namespace: string;
  timings: DriftTimings;
  /** One stored set in memory at a time is enough for drift. */
  slots: Slots;
  tell: DriftCheck['tell'];
  /** There is something to look at: {@link InstallationDrift.check} is to be called when no operation runs. */
  onDue: () => void;
  signal: AbortSignal;
}

interface Suspect {
  sinceMs: number;
  changedMs: number;
}

/**
 * Notices that somebody may have changed an object of one installation: watches where it may, by turns where it may not.
 * Of each object only its mark is kept; the stored set is loaded for a look and let go again.
 */
export class InstallationDrift {
  readonly #options: InstallationDriftOptions;
  readonly #marks: ObjectMarks;
  /** Objects of the set that runs, by key of the inventory. */
  #targets = new Map<string, Marked>();
  /** The marks they had when they were looked at last. */
  readonly #checked = new Map<string, string | undefined>();
  readonly #suspects = new Map<string, Suspect>();
  #allAtMs: number | undefined;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: InstallationDriftOptions) {
    this.#options = options;
    const { context, namespace } = options;
    this.#marks = new ObjectMarks({ kube: context.kube, namespace, onChange: () => this.#compare() });
  }

  /** Everything is to be looked at, after this time. */
  lookAtAll(afterMs: number): void {
    this.#suspects.clear();
    this.#allAtMs = performance.now() + afterMs;
    this.#plan();
  }

  /** What cannot be watched, or was left as it is, is to be looked at. */
  lookAgain(openKeys: readonly string[]): void {
    const nowMs = performance.now();
    const open = new Set(openKeys);
    for (const [key, { kind }] of this.#targets)
      if (open.has(key) || !this.#marks.isCurrent(kind)) this.#suspects.set(key, { sinceMs: nowMs, changedMs: nowMs });
    this.#plan();
  }

  get isDue(): boolean {
    return !this.#isStopped && this.#dueAtMs() <= performance.now();
  }

  /**
   * Looks at what is due, and puts right what may be. An operation that comes ends the look by the signal.
   * @throws InstallationGoneError when somebody deleted it; it is looked for again a while later
   */
  async check(untilWriting: AbortSignal): Promise<void> {
    const { context, name, slots, tell, signal, timings } = this.#options;
    const isWhole = this.#allAtMs !== undefined && this.#allAtMs <= performance.now();
    const keys = isWhole ? undefined : this.#ripe(performance.now());
    // What is asked for from here on is not answered by this look.
    if (isWhole) this.#allAtMs = undefined;
    let before: ReadonlyMap<string, string | undefined> = new Map();
    const beforeLook = async (set: ReleaseSet): Promise<void> => {
      if (isWhole) await this.#watchSet(set, untilWriting);
      before = this.#marksNow(keys);
    };
    try {
      const leave = await slots.take(untilWriting);
      try {
        const isRunning = await checkDrift({ context, tell, name, keys, beforeLook, untilWriting, signal });
        if (!isRunning) this.#forget();
      } finally {
        leave();
      }
      this.#failures = 0;
      const { size } = before;
      context.log.debug('looked for drift', { installation: name, objects: size, isWhole });
      this.#settle(keys, before);
    } catch (error) {
      if (untilWriting.aborted) {
        if (isWhole) this.#allAtMs ??= performance.now();
        throw error;
      }
      context.log.warn('drift of an installation was not looked at', { installation: name, error });
      this.lookAtAll(Math.min(timings.retryMs * 2 ** this.#failures, timings.slowMs));
      this.#failures += 1;
      if (error instanceof InstallationGoneError) throw error;
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#marks.stop();
  }

  #marksNow(keys: ReadonlySet<string> | undefined): Map<string, string | undefined> {
    const targets = [...this.#targets].filter(([key]) => keys?.has(key) ?? true);
    return new Map(targets.map(([key, target]) => [key, this.#marks.get(target)]));
  }

  /** What changed during the look is a suspect again. */
  #settle(keys: ReadonlySet<string> | undefined, before: ReadonlyMap<string, string | undefined>): void {
    for (const [key, mark] of before) {
      this.#checked.set(key, mark);
      this.#suspects.delete(key);
    }
    for (const key of keys ?? []) this.#suspects.delete(key);
    this.#compare();
    this.#plan();
  }

  async #watchSet(set: ReleaseSet, signal: AbortSignal): Promise<void> {
    const { context, name, namespace } = this.#options;
    this.#targets = new Map(set.objects.map((object) => [objectKey(object), markedOf(object, namespace)]));
    for (const key of this.#checked.keys()) if (!this.#targets.has(key)) this.#checked.delete(key);
    const known = context.installations.byName(name);
    if (!known || this.#isStopped) return;
    const { view } = context.monitors.watch(known, kindsToWatch(set.meta.permissions));
    this.#marks.watch(watchable(set), view);
    const patience = new AbortController();
    const waiting = delay(SYNC_PATIENCE_MS, undefined, { signal: AbortSignal.any([signal, patience.signal]) });
    await Promise.race([this.#marks.synced(), waiting.catch(() => {})]);
    patience.abort();
  }

  #forget(): void {
    this.#targets.clear();
    this.#checked.clear();
    this.#suspects.clear();
    this.#marks.stop();
  }

  /** Called at each change of a mark. */
  #compare(): void {
    const nowMs = performance.now();
    let hasChanged = false;
    for (const [key, target] of this.#targets) {
      if (!this.#marks.isCurrent(target.kind)) continue;
      const mark = this.#marks.get(target);
      if (mark === this.#checked.get(key)) continue;
      const suspect = this.#suspects.get(key);
      this.#checked.set(key, mark);
      this.#suspects.set(key, { sinceMs: suspect?.sinceMs ?? nowMs, changedMs: nowMs });
      hasChanged = true;
    }
    if (hasChanged) this.#plan();
  }

  #ripe(nowMs: number): Set<string> {
    return new Set([...this.#suspects].filter(([, suspect]) => this.#ripeAtMs(suspect) <= nowMs).map(([key]) => key));
  }

  #ripeAtMs({ sinceMs, changedMs }: Suspect): number {
    const { settleMs, maxSettleMs } = this.#options.timings;
    return Math.min(changedMs + settleMs, sinceMs + maxSettleMs);
  }

  #dueAtMs(): number {
    const times = [...this.#suspects.values()].map((suspect) => this.#ripeAtMs(suspect));
    return Math.min(this.#allAtMs ?? Number.POSITIVE_INFINITY, ...times);
  }

  #plan(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const dueAtMs = this.#dueAtMs();
    if (this.#isStopped || dueAtMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, Math.ceil(dueAtMs - performance.now()))).unref();
  }

  /** Timers may fire a moment early. */
  #wake(): void {
    if (this.isDue) this.#options.onDue();
    else this.#plan();
  }
}

function markedOf(object: ReleaseSet['objects'][number], namespace: string): Marked {
  return {
    kind: `${groupOf(object.apiVersion)}/${object.kind}`,
    object: `${object.metadata.namespace ?? namespace}/${object.metadata.name}`,
    makes: makersIn([object]),
  };
}

/** The kinds of a set that its release lets the agent watch. */
function watchable({ objects, meta }: ReleaseSet): Map<string, ResourceRef> {
  const kinds = new Set(objects.map((object) => markedOf(object, '').kind));
  const permitted = meta.permissions.filter(
    ({ verbs, names }) => !names && verbs.includes('watch') && verbs.includes('list'),
  );
  return new Map(
    permitted.flatMap(({ apiGroup, apiVersion, kind, resource }): [string, ResourceRef][] =>
      kinds.has(`${apiGroup}/${kind}`)
        ? [[`${apiGroup}/${kind}`, { group: apiGroup, version: apiVersion, kind, plural: resource, namespaced: true }]]
        : [],
    ),
  );
}
