import type { HealthReason, HealthState, InstallationHealth } from '@steward/shared';
import { HealthMonitor } from '../collect/health-monitor.ts';
import type { NamespaceObjects, WatchedKind } from '../collect/namespace-objects.ts';
import { WATCHED } from '../collect/namespace-objects.ts';
import type { Belongings } from '../collect/own-objects.ts';
import type { KubeClient } from '../kube/client.ts';
import type { SetMeta } from './render/release-set.ts';

export interface MonitorsOptions {
  kube: KubeClient;
  now: () => Date;
  onHealth: (installationId: string, health: InstallationHealth, before: HealthState | undefined) => void;
  /** What tells an installation's objects from its neighbours'. */
  belongings: (installation: string) => Belongings;
  /** Workloads that an installation has applied, as `Deployment/web`. */
  expected: (installation: string) => readonly string[];
  /** What a person has to know of it beside its health. */
  remarks: (installation: string) => readonly HealthReason[];
  /** What is written down of an installation. */
  writtenHealth: (installation: string) => HealthState | undefined;
  /** Writes an installation's health down; does not reject. */
  writeHealth: (installation: string, health: HealthState) => Promise<void>;
}

interface Monitored {
  monitor: HealthMonitor;
  kinds: string;
  writeTimer: NodeJS.Timeout | undefined;
  writtenMs: number;
}

/** An installation's health goes into its object no more often than this. */
const WRITE_INTERVAL_MS = 10_000;

/** One health monitor for each installation that runs. */
export class Monitors {
  readonly #options: MonitorsOptions;
  readonly #monitored = new Map<string, Monitored>();

  constructor(options: MonitorsOptions) {
    this.#options = options;
  }

  /** Starts to watch the installation's namespace for these kinds, or goes on with other ones. */
  watch(installation: { id: string; name: string; namespace: string }, kinds: readonly string[]): HealthMonitor {
    const known = this.#monitored.get(installation.name) ?? this.#start(installation);
    const text = kinds.toSorted().join(' ');
    if (known.kinds !== text) {
      known.kinds = text;
      known.monitor.watch(new Set(kinds.filter((kind): kind is WatchedKind => kind in WATCHED)));
    }
    return known.monitor;
  }

  /** Its pods, and all addresses: an operator makes Services that nobody else may know of. Undefined while it is not watched. */
  measured(name: string): Pick<NamespaceObjects, 'pods' | 'endpoints'> | undefined {
    const monitor = this.#monitored.get(name)?.monitor;
    return monitor && { pods: monitor.own.pods, endpoints: monitor.view.objects.endpoints };
  }

  health(name: string): HealthState | undefined {
    return this.#monitored.get(name)?.monitor.health?.health;
  }

  /** All of which anything is watched. */
  haveAllTold(): boolean {
    return [...this.#monitored.values()].every(({ kinds, monitor }) => kinds === '' || monitor.health !== undefined);
  }

  /** The remarks about it may be others. */
  refresh(name: string): void {
    this.#monitored.get(name)?.monitor.refresh();
  }

  end(name: string): void {
    const known = this.#monitored.get(name);
    known?.monitor.stop();
    clearTimeout(known?.writeTimer);
    this.#monitored.delete(name);
  }

  stop(): void {
    for (const name of this.#monitored.keys()) this.end(name);
  }

  #start({ id, name, namespace }: { id: string; name: string; namespace: string }): Monitored {
    const { kube, now, onHealth, belongings, expected, remarks } = this.#options;
    const monitor = new HealthMonitor({
      kube,
      namespace,
      now,
      belongings: () => belongings(name),
      expected: () => expected(name),
      remarks: () => remarks(name),
      onHealth: (health, before) => {
        onHealth(id, health, before?.health);
        this.#planWrite(name);
      },
    });
    const monitored: Monitored = { monitor, kinds: '', writeTimer: undefined, writtenMs: Number.NEGATIVE_INFINITY };
    this.#monitored.set(name, monitored);
    return monitored;
  }

  #planWrite(name: string): void {
    const monitored = this.#monitored.get(name);
    if (!monitored || monitored.writeTimer || !this.#differs(name)) return;
    const waitMs = Math.max(0, monitored.writtenMs + WRITE_INTERVAL_MS - performance.now());
    monitored.writeTimer = setTimeout(() => {
      monitored.writeTimer = undefined;
      if (!this.#differs(name)) return;
      monitored.writtenMs = performance.now();
      const { health } = monitored.monitor;
      // Once more when that went wrong, or when it changed meanwhile.
      if (health) void this.#options.writeHealth(name, health.health).then(() => this.#planWrite(name));
    }, waitMs);
  }

  #differs(name: string): boolean {
    return this.#monitored.get(name)?.monitor.health?.health !== this.#options.writtenHealth(name);
  }
}

/** The kinds that tell the health of a release: those it may watch. */
export function kindsToWatch(permissions: SetMeta['permissions']): WatchedKind[] {
  const kinds = permissions.filter(({ verbs, names }) => verbs.includes('watch') && !names).map(({ kind }) => kind);
  return [...new Set(kinds)].filter((kind): kind is WatchedKind => kind in WATCHED);
}
