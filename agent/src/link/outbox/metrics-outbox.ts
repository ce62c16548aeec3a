import { LIMITS, type MetricsFrame } from '@steward/shared';
import type { MetricsLook } from '../link.ts';

interface Entry {
  sequence: number;
  look: MetricsLook;
}
/** What the hub knows of an installation in this session. */
interface Told {
  table: string;
  day: string;
  values: readonly number[];
  fullMs: number;
}

/** Of looks that wait, in all: an hour and more of a service with a hundred series. */
const MAX_VALUES = 20_000;
const MAX_ENTRIES = 600;

/**
 * Looks at metrics on their way to the hub, in memory: kept until acked, bounded; the oldest go first and are counted. They are kept whole, and
 * only while they are sent is left out what the hub knows already: so a look that was dropped leaves no wrong number behind.
 */
export class MetricsOutbox {
  #entries: Entry[] = [];
  #nextSequence = 1;
  #values = 0;
  #sent = 0;
  #lost = 0;
  #told = new Map<string, Told>();

  add(look: MetricsLook): void {
    this.#entries.push({ sequence: this.#nextSequence, look });
    this.#nextSequence += 1;
    this.#values += look.values.length;
    while (this.#entries.length > 1 && (this.#values > MAX_VALUES || this.#entries.length > MAX_ENTRIES)) {
      // Also one that was sent: nobody knows whether it arrived.
      this.#remove(1);
      this.#lost += 1;
    }
  }

  /** A new session, to which nothing was told yet. `committed`: the hub has everything up to it. */
  open(committed: number): void {
    this.ack(committed);
    this.#sent = committed;
    this.#told = new Map();
  }

  ack(upTo: number): void {
    const left = this.#entries.findIndex(({ sequence }) => sequence > upTo);
    this.#remove(left === -1 ? this.#entries.length : left);
  }

  /** How many were dropped unacked since this was asked last. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  /** The next one to send. */
  next(): { sequence: number; body: MetricsFrame } | undefined {
    const entry = this.#entries.find(({ sequence }) => sequence > this.#sent);
    if (!entry) return undefined;
    this.#sent = entry.sequence;
    return { sequence: entry.sequence, body: this.#bodyOf(entry.look) };
  }

  #bodyOf({ installationId, table, series, t0, values }: MetricsLook): MetricsFrame {
    const told = this.#told.get(installationId);
    const day = t0.slice(0, 10);
    const atMs = Date.parse(t0);
    const isKnown = told?.table === table && told.day === day;
    const isFull = !isKnown || atMs - told.fullMs >= LIMITS.metricsFullMs || atMs < told.fullMs;
    this.#told.set(installationId, { table, day, values, fullMs: isFull ? atMs : told.fullMs });
    const head = { installationId, table, t0, ...(!isKnown && { series }) };
    if (isFull) return { ...head, values: values.map(orNull) };
    const index = values.flatMap((value, at) => (Object.is(value, told.values[at]) ? [] : [at]));
    return { ...head, index, values: index.map((at) => orNull(values[at])) };
  }

  #remove(count: number): void {
    for (const { look } of this.#entries.splice(0, count)) this.#values -= look.values.length;
  }
}

function orNull(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
