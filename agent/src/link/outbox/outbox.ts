import type { EventRecord } from '../link.ts';

export interface OutboxEntry {
  sequence: number;
  event: EventRecord;
}

/**
 * Events on their way to the hub, in memory: kept until acked, bounded. At the bound the oldest goes; the loss shows as a
 * hole in the sequence and as one `gap` event that counts what is missing.
 */
export class Outbox {
  readonly #maxEntries: number;
  readonly #now: () => Date;
  #entries: OutboxEntry[] = [];
  #nextSequence = 1;
  #lost = 0;

  constructor(maxEntries = 500, now: () => Date = () => new Date()) {
    this.#maxEntries = maxEntries;
    this.#now = now;
  }

  add(event: EventRecord): void {
    if (this.#lost > 0 && this.#entries.length < this.#maxEntries) this.#addGap();
    this.#entries.push({ sequence: this.#nextSequence, event });
    this.#nextSequence += 1;
    while (this.#entries.length > this.#maxEntries) {
      const dropped = this.#entries.shift();
      this.#lost += dropped?.event.kind === 'gap' ? (dropped.event.lost ?? 1) : 1;
    }
  }

  /** Everything up to and with this sequence is committed. */
  ack(upTo: number): void {
    const firstLeft = this.#entries.findIndex(({ sequence }) => sequence > upTo);
    this.#entries = firstLeft === -1 ? [] : this.#entries.slice(firstLeft);
    if (this.#lost > 0 && this.#entries.length < this.#maxEntries) this.#addGap();
  }

  /** What is left above a sequence, oldest first. */
  after(sequence: number): readonly OutboxEntry[] {
    return this.#entries.filter((entry) => entry.sequence > sequence);
  }

  get size(): number {
    return this.#entries.length;
  }

  #addGap(): void {
    const lost = this.#lost;
    this.#lost = 0;
    const event: EventRecord = {
      kind: 'gap',
      message: `${lost} events were dropped while the hub was away`,
      lost,
      at: this.#now().toISOString(),
    };
    this.#entries.push({ sequence: this.#nextSequence, event });
    this.#nextSequence += 1;
  }
}
