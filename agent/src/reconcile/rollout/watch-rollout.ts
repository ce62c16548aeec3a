import { setTimeout as delay } from 'node:timers/promises';
import type { NamespaceView } from '../../collect/namespace-view.ts';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import type { SetMeta } from '../render/release-set.ts';
import { Bell } from '../bell.ts';
import { watchRolloutDetails } from './refused-pods.ts';
import { rolloutState, type PodInTheWay, type RolloutInput, type RolloutState } from './rollout-state.ts';
import { loadTargets } from './targets.ts';

export interface RolloutOptions {
  kube: KubeClient;
  view: NamespaceView;
  namespace: string;
  objects: readonly KubeObject[];
  meta: Pick<SetMeta, 'permissions' | 'settleSeconds'>;
  startedMs: number;
  deadlineMs: number;
  isOverFailed: boolean;
  /** Pods that their controllers leave to others to replace are replaced. */
  evicts: boolean;
  now: () => Date;
  /** Told when the numbers change, or after a while what is waited for; awaited before the next look. */
  onProgress: (state: Pick<RolloutState, 'done' | 'total' | 'waiting'>) => Promise<void>;
  /** Everything is ready, and has to stay so for the settling time. */
  onSettling: (state: Pick<RolloutState, 'done' | 'total'>) => Promise<void>;
  /** A refusal is told with what is waited for, and tried again: a right may be granted meanwhile. */
  removePod: (pod: PodInTheWay) => Promise<Outcome<void>>;
  /** Asked now and then, since it may be long until there is something to tell: what this throws ends it. */
  lookForOperation: () => Promise<void>;
  signal: AbortSignal;
}

/**
 * Follows a rollout by what the watches say until everything is ready and has stayed so, or until it is certain that it
 * will not be, or until the deadline.
 */
export async function watchRollout(options: RolloutOptions): Promise<Outcome<void>> {
  const { kube, view, namespace, meta, evicts, signal } = options;
  const loaded = await loadTargets(kube, options.objects, { evicts, signal });
  if (!loaded.ok) return loaded;
  const targets = loaded.value;
  const end = new AbortController();
  const stop = AbortSignal.any([signal, end.signal]);
  const bell = new Bell();
  const details = watchRolloutDetails(kube, namespace, meta.permissions, () => bell.ring(), stop);
  const unsubscribe = view.subscribe(() => bell.ring());
  const follower = new RolloutFollower({ ...options, signal: stop }, bell, (known) =>
    rolloutState({
      targets,
      objects: view.objects,
      replicaSets: details.replicaSets,
      refused: details.refused,
      startedMs: options.startedMs,
      isOverFailed: options.isOverFailed,
      ...known,
      nowMs: options.now().getTime(),
    }),
  );
  // When all is ready it will soon be done, whatever becomes of what says so.
  const look = async (): Promise<void> => (follower.isSettling ? undefined : options.lookForOperation());
  void lookNowAndThen(look, stop).catch((error: unknown) => end.abort(error));
  try {
    await Promise.race([
      Promise.all([view.synced(), details.synced]),
      delay(SYNC_PATIENCE_MS, undefined, { signal: stop }),
    ]);
    return await follower.follow();
  } catch (error) {
    end.signal.throwIfAborted();
    throw error;
  } finally {
    unsubscribe();
    end.abort();
  }
}

async function lookNowAndThen(look: () => Promise<void>, signal: AbortSignal): Promise<never> {
  for (;;) {
    await delay(LOOK_INTERVAL_MS, undefined, { signal });
    await look();
  }
}

const LOOK_INTERVAL_MS = 5_000;
/** So many of the reasons are part of a message. */
export const TOLD_REASONS = 3;
const SYNC_PATIENCE_MS = 10_000;
/** A timer that comes a little early would find nothing to do. */
const TIMER_SLACK_MS = 20;
/** Progress is told no more often than this, and ever less often when there is no end of it: each telling is kept on both sides. */
const TELL_INTERVAL_MS = 300;
const MANY_TELLINGS = 100;
/** The same of other reasons with equal numbers: a pod that is tried again and again has ever new ones. */
const TELL_WHY_INTERVAL_MS = 10_000;
const MANY_WHYS = 20;
const REMOVE_AGAIN_MS = 3_000;
const BLIND_PATIENCE_MS = 3_000;

type Look = (known: Pick<RolloutInput, 'heldSince' | 'removed'>) => RolloutState;

class RolloutFollower {
  readonly #options: RolloutOptions;
  readonly #bell: Bell;
  readonly #look: Look;
  readonly #removed = new Set<string>();
  /** Why a pod that is in the way was not removed. */
  #unremoved: { message: string; againAtMs: number } | undefined;
  #told = { text: '', why: '', atMs: 0, done: 0, total: 0 };
  #blindSinceMs: number | undefined;
  /** When what has changed may be told. */
  #tellAtMs: number | undefined;
  #tellings = 0;
  #whys = 0;
  #settlingSinceMs: number | undefined;

  constructor(options: RolloutOptions, bell: Bell, look: Look) {
    this.#options = options;
    this.#bell = bell;
    this.#look = look;
  }

  /** Everything is ready and has to stay so for a while. */
  get isSettling(): boolean {
    return this.#settlingSinceMs !== undefined;
  }

  async follow(): Promise<Outcome<void>> {
    const { view, signal } = this.#options;
    let heldSince: ReadonlyMap<string, number> = new Map();
    for (;;) {
      signal.throwIfAborted();
      let wakeAtMs = this.#options.deadlineMs;
      // What was seen last says nothing while the watches are broken.
      if (view.problem === undefined) {
        this.#blindSinceMs = undefined;
        const state = this.#look({ heldSince, removed: this.#removed });
        heldSince = state.heldSince;
        const verdict = await this.#judge(state);
        if (verdict) return verdict;
        wakeAtMs = this.#wakeAtMs(state);
      } else if (this.#nowMs() >= wakeAtMs) {
        return failed(
          view.lacksRights ? 'missing-rights' : 'rollout-deadline',
          `the deadline passed while the cluster could not be watched: ${view.problem}`,
        );
      } else wakeAtMs = Math.min(wakeAtMs, await this.#tellBlind(view.problem));
      await this.#bell.wait(wakeAtMs - this.#nowMs() + TIMER_SLACK_MS, signal);
    }
  }

  #nowMs(): number {
    return this.#options.now().getTime();
  }

  #wakeAtMs({ recheckAtMs }: RolloutState): number {
    const { deadlineMs, meta } = this.#options;
    if (this.#settlingSinceMs !== undefined) return this.#settlingSinceMs + meta.settleSeconds * 1_000;
    const times = [recheckAtMs, this.#unremoved?.againAtMs, this.#tellAtMs].filter((time) => time !== undefined);
    return Math.min(...times, deadlineMs);
  }

  /** A watch that is opened anew is no news. @returns when to look again */
  async #tellBlind(problem: string): Promise<number> {
    this.#blindSinceMs ??= this.#nowMs();
    const { deadlineMs } = this.#options;
    const tellAtMs = this.#blindSinceMs + BLIND_PATIENCE_MS;
    if (this.#nowMs() < tellAtMs) return tellAtMs;
    if (this.#told.text !== problem) {
      this.#told = { ...this.#told, text: problem, atMs: this.#nowMs() };
      await this.#options.onProgress({ ...this.#told, waiting: [problem] });
    }
    return deadlineMs;
  }

  /** Undefined: go on. */
  async #judge(state: RolloutState): Promise<Outcome<void> | undefined> {
    const { meta, deadlineMs } = this.#options;
    if (state.isReady) return this.#settle(state, meta.settleSeconds * 1_000);
    this.#settlingSinceMs = undefined;
    if (state.failure) return { ok: false, failure: state.failure };
    await this.#clearTheWay(state);
    if (this.#unremoved) state.waiting.unshift(this.#unremoved.message);
    if (this.#nowMs() >= deadlineMs) {
      const waiting = state.waiting.join('; ').slice(0, 2_000);
      return failed('rollout-deadline', `not everything was ready before the deadline. ${waiting}`);
    }
    await this.#tell(state);
    return undefined;
  }

  async #clearTheWay({ inTheWay }: RolloutState): Promise<void> {
    if (this.#unremoved && this.#nowMs() < this.#unremoved.againAtMs) return;
    this.#unremoved = undefined;
    for (const pod of inTheWay) {
      const outcome = await this.#options.removePod(pod);
      if (outcome.ok) this.#removed.add(pod.uid);
      else {
        const what =
          pod.how === 'delete'
            ? 'holds its StatefulSet up and was not removed'
            : 'is to be replaced and was not evicted';
        const message = `Pod/${pod.name} ${what}: ${outcome.failure.message}`;
        this.#unremoved = { message, againAtMs: this.#nowMs() + REMOVE_AGAIN_MS };
        this.#told.text = '';
      }
    }
  }

  async #tell(state: RolloutState): Promise<void> {
    const { done: ready, total, waiting } = state;
    const [text, why] = [`${ready}/${total}`, waiting.slice(0, TOLD_REASONS).join('; ')];
    this.#tellAtMs = this.#mayTellAtMs(text, why);
    if (this.#tellAtMs === undefined || this.#nowMs() < this.#tellAtMs) return;
    if (text === this.#told.text) this.#whys += 1;
    else this.#tellings += 1;
    this.#tellAtMs = undefined;
    this.#told = { text, why, atMs: this.#nowMs(), done: ready, total };
    await this.#options.onProgress(state);
  }

  /** Undefined when it is what was told last. */
  #mayTellAtMs(text: string, why: string): number | undefined {
    const { atMs, ...told } = this.#told;
    if (text !== told.text) return atMs + TELL_INTERVAL_MS * Math.max(1, this.#tellings / MANY_TELLINGS) ** 4;
    if (why !== told.why) return atMs + TELL_WHY_INTERVAL_MS * Math.max(1, this.#whys / MANY_WHYS) ** 4;
    return undefined;
  }

  async #settle(state: RolloutState, settleMs: number): Promise<Outcome<void> | undefined> {
    if (this.#settlingSinceMs === undefined) {
      this.#settlingSinceMs = this.#nowMs();
      this.#told = { ...this.#told, text: '', atMs: 0 };
      if (settleMs > 0) await this.#options.onSettling(state);
    }
    return this.#nowMs() >= this.#settlingSinceMs + settleMs ? done(undefined) : undefined;
  }
}
