import { setTimeout as delay } from 'node:timers/promises';
import { WATCHED, type WatchedKind } from '../../collect/namespace-objects.ts';
import { NamespaceView } from '../../collect/namespace-view.ts';
import type { KubeObject } from '../../kube/client.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { kindsToWatch } from '../monitors.ts';
import type { Run } from '../operation/run/run.ts';
import { done, type Outcome } from '../outcome.ts';
import type { SetMeta } from '../render/release-set.ts';
import { watchRollout } from '../rollout/watch-rollout.ts';

const KINDS: ReadonlySet<WatchedKind> = new Set(['Job', 'Pod']);
/** What may not be watched, or not by now, is never listed. */
const SYNC_PATIENCE_MS = 10_000;

/** Follows jobs and pods of hooks; its watches are opened when something is first waited for. */
export class HookWatch {
  readonly #run: Run;
  readonly #meta: SetMeta;
  readonly #deadlineMs: number;
  readonly #patienceMs: number;
  #view: NamespaceView | undefined;

  constructor(run: Run, meta: SetMeta, deadlineMs: number, patienceMs = SYNC_PATIENCE_MS) {
    this.#run = run;
    this.#meta = meta;
    this.#deadlineMs = deadlineMs;
    this.#patienceMs = patienceMs;
  }

  /** Until it has come to a good end, or it is certain that it will not, or the deadline. */
  async untilEnd(object: KubeObject, tell: (text: string) => Promise<void>): Promise<Outcome<void>> {
    const { context, installation, whileWorking: signal } = this.#run;
    return watchRollout({
      kube: context.kube,
      view: this.#open(),
      namespace: installation.namespace,
      objects: [object],
      meta: { permissions: this.#meta.permissions, settleSeconds: 0 },
      startedMs: 0,
      deadlineMs: this.#deadlineMs,
      isOverFailed: false,
      evicts: false,
      now: context.now,
      onProgress: ({ waiting }) => tell(waiting[0] ?? 'is running'),
      onSettling: async () => undefined,
      removePod: async () => done(undefined),
      signal,
    });
  }

  /** Whether none of them could still do something; false also when that cannot be seen. @throws what ends the agent */
  async haveEnded(entries: readonly InventoryEntry[]): Promise<boolean> {
    const view = this.#open();
    if (!(await this.#isSynced(view)) || view.problem !== undefined) return false;
    const { jobs, pods } = view.objects;
    const running = [
      ...[...jobs.values()].filter(({ state }) => state === 'active' || state === 'suspended'),
      ...[...pods.values()].filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed'),
    ];
    const uids = new Set(running.map(({ uid }) => uid));
    return entries.every(({ uid }) => uid !== undefined && !uids.has(uid));
  }

  stop(): void {
    this.#view?.stop();
  }

  async #isSynced(view: NamespaceView): Promise<boolean> {
    if (view.lacksRights) return false;
    const end = new AbortController();
    const signal = AbortSignal.any([this.#run.signal, end.signal]);
    try {
      return await Promise.race([view.synced().then(() => true), delay(this.#patienceMs, false, { signal })]);
    } finally {
      end.abort();
    }
  }

  #open(): NamespaceView {
    if (this.#view) return this.#view;
    const { context, installation } = this.#run;
    const { kube, now } = context;
    this.#view = new NamespaceView({ kube, namespace: installation.namespace, now, onChange: () => undefined });
    const kinds = kindsToWatch(this.#meta.permissions).filter((kind) => KINDS.has(kind) && kind in WATCHED);
    this.#view.watch(new Set(kinds));
    return this.#view;
  }
}
