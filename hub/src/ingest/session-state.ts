import { LIMITS, reportHash, type ReportView } from '@steward/shared';
import { ProtocolError } from './fence.ts';

/** Of each side of the view. A full report fits into one frame; what comes by bits must not grow beyond a few of those. */
const MAX_VIEW_CHARACTERS = 4 * LIMITS.maxFrameBytes;

/** What the hub knows of one session beside its connection; gone with it. */
export class SessionState {
  readonly incarnation: string;
  /** Last committed sequence of each stream. */
  readonly cursors: Map<string, number>;
  readonly view: ReportView = { health: {}, observed: {} };
  agentVersion: string;
  /** The skew that the cluster's row holds, and since when; Unix milliseconds. */
  skew: { ms: number; at: number };
  resyncAskedAt = 0;
  /** Types of reports of which one could not be read; true until a full one of it is. */
  readonly #unreadable = new Map<string, boolean>();
  #hash: string | undefined;
  /** How many characters each entry of the view holds, as JSON. */
  readonly #sizes = { health: new Map<string, number>(), observed: new Map<string, number>() };

  constructor(
    hello: { incarnation: string; agentVersion: string },
    cursors: Map<string, number>,
    skew: SessionState['skew'],
  ) {
    this.incarnation = hello.incarnation;
    this.agentVersion = hello.agentVersion;
    this.cursors = cursors;
    this.skew = skew;
  }

  /** Replaces or changes one side of the view. @throws ProtocolError when it holds more than an agent can have */
  apply<K extends keyof ReportView>(
    side: K,
    report: { full: boolean; set: ReportView[K]; delete: readonly string[] },
  ): void {
    const view: ReportView[K] = report.full ? {} : this.view[side];
    this.#measure(side, report);
    for (const id of report.delete) delete view[id];
    this.view[side] = Object.assign(view, report.set);
    this.#hash = undefined;
    if (report.full && this.#unreadable.has(side)) this.#unreadable.set(side, false);
  }

  /** Whether the view is without a report that could not be read. */
  get hasUnreadable(): boolean {
    return [...this.#unreadable.values()].includes(true);
  }

  /** Notes that a report of this type could not be read. @returns whether that is the first one of the session */
  noteUnreadable(type: string): boolean {
    const isFirst = !this.#unreadable.has(type);
    this.#unreadable.set(type, true);
    return isFirst;
  }

  #measure(side: keyof ReportView, report: { full: boolean; set: object; delete: readonly string[] }): void {
    const sizes = this.#sizes[side];
    if (report.full) sizes.clear();
    for (const id of report.delete) sizes.delete(id);
    for (const [id, entry] of Object.entries(report.set)) sizes.set(id, id.length + JSON.stringify(entry).length);
    let total = 0;
    for (const size of sizes.values()) total += size;
    if (total > MAX_VIEW_CHARACTERS)
      throw new ProtocolError(`the ${side} reports of one session hold more than ${MAX_VIEW_CHARACTERS} characters`);
  }

  /** The {@link reportHash} of the view. */
  get hash(): string {
    this.#hash ??= reportHash(this.view);
    return this.#hash;
  }
}
