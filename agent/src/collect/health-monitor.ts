import type { HealthReason, InstallationHealth } from '@steward/shared';
import { canonicalJson } from '@steward/shared';
import type { KubeClient } from '../kube/client.ts';
import { sentences } from '../sentences.ts';
import { boundedHealth } from './bounded-health.ts';
import { Explanations } from './explanations.ts';
import { healthOf, type NamespaceHealth } from './health.ts';
import { MissingWorkloads, withRemarks } from './missing-workloads.ts';
import type { NamespaceObjects, WatchedKind } from './namespace-objects.ts';
import { NamespaceView } from './namespace-view.ts';
import { ownObjects, type Belongings } from './own-objects.ts';

/** A watch that is broken for this long makes the health unknown. */
const PROBLEM_PATIENCE_MS = 30_000;

/** Reasons whose cause is only told in events. */
const UNEXPLAINED: ReadonlySet<string> = new Set(['NotReady', 'ClaimUnbound', 'PodsMissing', 'VolumeGrowing']);

export interface HealthMonitorOptions {
  kube: KubeClient;
  namespace: string;
  now: () => Date;
  /** What tells its objects from its neighbours'. */
  belongings: () => Belongings;
  /** Workloads that were applied, as `Deployment/web`. */
  expected: () => readonly string[];
  /** What a person has to know beside the health itself. */
  remarks: () => readonly HealthReason[];
  /** Each health that differs from the one before, with that one. */
  onHealth: (health: InstallationHealth, before: InstallationHealth | undefined) => void;
}

/** The health of one installation, told whenever it changes. */
export class HealthMonitor {
  readonly view: NamespaceView;
  readonly #options: HealthMonitorOptions;
  readonly #explanations: Explanations;
  readonly #missing = new MissingWorkloads();
  #kinds: ReadonlySet<string> = new Set();
  #last: { health: InstallationHealth; text: string } | undefined;
  #problemSinceMs: number | undefined;
  #isSynced = false;
  #isStopped = false;
  #recheck: NodeJS.Timeout | undefined;

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    const { kube, namespace } = options;
    this.#explanations = new Explanations({ kube, namespace, onChange: () => this.#evaluate() });
    this.view = new NamespaceView({
      kube: options.kube,
      namespace: options.namespace,
      now: options.now,
      onChange: () => this.#evaluate(),
    });
  }

  get health(): InstallationHealth | undefined {
    return this.#last?.health;
  }

  /** What is there and is the installation's: nothing of its neighbours is told to anybody. */
  get own(): NamespaceObjects {
    return ownObjects(this.view.objects, this.#options.belongings());
  }

  /** Starts, or changes what is looked at. */
  watch(kinds: ReadonlySet<WatchedKind>): void {
    this.#isSynced = false;
    this.#kinds = kinds;
    this.view.watch(kinds);
    void this.view.synced().then(() => {
      this.#isSynced = true;
      this.#evaluate();
    });
  }

  /** The remarks may be others. */
  refresh(): void {
    this.#evaluate();
  }

  stop(): void {
    clearTimeout(this.#recheck);
    this.#recheck = undefined;
    this.#isSynced = false;
    this.#isStopped = true;
    this.view.stop();
  }

  #evaluate(): void {
    if (this.#isStopped) return;
    const now = this.#options.now();
    const found = this.#look(now.getTime());
    if (!found) return;
    const { recheckAtMs, ...known } = this.#explained(found);
    const content = boundedHealth({ ...known, reasons: withRemarks(known.reasons, this.#options.remarks()) });
    this.#recheckAt(recheckAtMs, now.getTime());
    const text = canonicalJson(content);
    if (text === this.#last?.text) return;
    const before = this.#last?.health;
    const since = before?.health === content.health ? before.since : now.toISOString();
    this.#last = { health: { ...content, since }, text };
    this.#options.onHealth(this.#last.health, before);
  }

  /** With what events say, where the objects themselves do not say why. */
  #explained(found: NamespaceHealth): NamespaceHealth {
    const unexplained = found.reasons.filter(({ code }) => UNEXPLAINED.has(code));
    this.#explanations.want(unexplained.map(({ object }) => object));
    const reasons = found.reasons.map((reason) => {
      const text = UNEXPLAINED.has(reason.code) ? this.#explanations.get(reason.object) : undefined;
      return text === undefined ? reason : { ...reason, message: sentences(reason.message, text).slice(0, 1_000) };
    });
    return { ...found, reasons };
  }

  /** Over what is known, while the watches are broken for no longer than a moment; after that nobody knows. */
  #look(nowMs: number): NamespaceHealth | undefined {
    const { problem } = this.view;
    if (problem === undefined) {
      this.#problemSinceMs = undefined;
      return this.#isSynced ? this.#healthOf(nowMs) : undefined;
    }
    this.#problemSinceMs ??= nowMs;
    const untilMs = this.#problemSinceMs + PROBLEM_PATIENCE_MS;
    if (nowMs < untilMs && this.#isSynced) {
      const found = this.#healthOf(nowMs);
      return { ...found, recheckAtMs: Math.min(found.recheckAtMs ?? untilMs, untilMs) };
    }
    const object = `Namespace/${this.#options.namespace}`;
    const reasons = [{ code: 'NotWatched', object, message: problem.slice(0, 1000) }];
    return { health: 'unknown', reasons, workloads: [], recheckAtMs: undefined };
  }

  #healthOf(nowMs: number): NamespaceHealth {
    const expected = this.#options.expected().filter((name) => this.#kinds.has(name.split('/', 1)[0] ?? ''));
    return this.#missing.add(healthOf(this.own, nowMs), expected, nowMs);
  }

  #recheckAt(atMs: number | undefined, nowMs: number): void {
    clearTimeout(this.#recheck);
    this.#recheck =
      atMs === undefined ? undefined : setTimeout(() => this.#evaluate(), Math.max(50, atMs - nowMs)).unref();
  }
}
