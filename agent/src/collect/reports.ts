import { reportHash, type HealthState, type InstallationHealth } from '@steward/shared';
import type { HealthReport, Link, ObservedReport } from '../link/link.ts';

export type Observed = ObservedReport['set'][string];
type ReportLink = Pick<Link, 'reportHealth' | 'reportObserved' | 'sendEvent'>;

/**
 * What the hub should believe of every installation: its health and what runs. Changes go out at once as keyed deltas;
 * after a welcome, and whenever the hashes differ, the hub gets both in full. One revision counts over both; it starts
 * at the time of the start, so that it also rises over a restart.
 */
export class Reports {
  readonly #link: ReportLink;
  readonly #health = new Map<string, InstallationHealth>();
  readonly #observed = new Map<string, Observed>();
  #revision: number;

  constructor(link: ReportLink, startedMs: number) {
    this.#link = link;
    this.#revision = startedMs;
  }

  /** Tells the report, and an event when the health itself changed. */
  setHealth(installationId: string, health: InstallationHealth, before: HealthState | undefined): void {
    this.#health.set(installationId, health);
    this.#revision += 1;
    this.#link.reportHealth({ revision: this.#revision, full: false, set: { [installationId]: health }, delete: [] });
    if (before === health.health) return;
    const [reason] = health.reasons;
    const why = reason ? `${reason.object}: ${reason.message}` : `is ${health.health}`;
    this.#link.sendEvent({
      kind: 'health.changed',
      installationId,
      message: why.slice(0, 1000),
      ...(before === undefined ? {} : { from: before }),
      to: health.health,
      at: health.since,
    });
  }

  setObserved(installationId: string, observed: Observed): void {
    this.#observed.set(installationId, observed);
    this.#revision += 1;
    this.#link.reportObserved({
      revision: this.#revision,
      full: false,
      set: { [installationId]: observed },
      delete: [],
    });
  }

  /** The installation is gone: its health is not told any more. What was observed stays. */
  endHealth(installationId: string): void {
    if (!this.#health.delete(installationId)) return;
    this.#revision += 1;
    this.#link.reportHealth({ revision: this.#revision, full: false, set: {}, delete: [installationId] });
  }

  state(): { revision: number; hash: string } {
    const view = { health: Object.fromEntries(this.#health), observed: Object.fromEntries(this.#observed) };
    return { revision: this.#revision, hash: reportHash(view) };
  }

  full(): { health: HealthReport; observed: ObservedReport } {
    const both = { revision: this.#revision, full: true, delete: [] };
    return {
      health: { ...both, set: Object.fromEntries(this.#health) },
      observed: { ...both, set: Object.fromEntries(this.#observed) },
    };
  }
}
