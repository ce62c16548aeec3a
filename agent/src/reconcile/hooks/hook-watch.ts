import { WATCHED, type WatchedKind } from '../../collect/namespace-objects.ts';
import { NamespaceView } from '../../collect/namespace-view.ts';
import type { KubeObject } from '../../kube/client.ts';
import { kindsToWatch } from '../monitors.ts';
import type { Run } from '../operation/run/run.ts';
import { done, type Outcome } from '../outcome.ts';
import type { SetMeta } from '../render/release-set.ts';
import { watchRollout } from '../rollout/watch-rollout.ts';

const KINDS: ReadonlySet<WatchedKind> = new Set(['Job', 'Pod']);

/** Follows jobs and pods of hooks; its watches are opened when something is first waited for. */
export class HookWatch {
  readonly #run: Run;
  readonly #meta: SetMeta;
  readonly #deadlineMs: number;
  #view: NamespaceView | undefined;

  constructor(run: Run, meta: SetMeta, deadlineMs: number) {
    this.#run = run;
    this.#meta = meta;
    this.#deadlineMs = deadlineMs;
  }

  /** Until it has come to a good end, or it is certain that it will not, or the deadline. */
  async untilEnd(object: KubeObject, tell: (text: string) => Promise<void>): Promise<Outcome<void>> {
    const { context, record, installation, whileWorking: signal } = this.#run;
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
      lookForOperation: () => context.journal.lookFor(record),
      signal,
    });
  }

  stop(): void {
    this.#view?.stop();
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
