import type { HealthReason } from '@steward/shared';

/** A pod that just ends or begins is no news: only what is so in two looks, one after the other, is told. */
const PATIENCE = 2;
/** Words stay for so many looks: one that fails now with this error and then with that must not be news each time. */
const SAME_WORDS = 10;
const MAX_TOLD = 12;

/** What is wrong with the metrics of an installation, look after look; one entry for each thing. */
export class Problems {
  #told = new Map<string, HealthReason>();
  /** In how many looks each was there, up to the last one. */
  #counts = new Map<string, number>();
  #now = new Map<string, HealthReason>();

  get told(): HealthReason[] {
    return [...this.#told.values()];
  }

  /** In the look that is under way. The first word on a thing counts. */
  add(object: string, thing: string, message: string): void {
    const key = `${object} ${thing}`;
    if (!this.#now.has(key))
      this.#now.set(key, { code: 'MetricsUnavailable', object, message: message.slice(0, 1_000) });
  }

  /** The look is over. @returns whether others are told than before */
  end(): boolean {
    const before = JSON.stringify(this.told);
    const entries = [...this.#now].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, MAX_TOLD);
    this.#counts = new Map(entries.map(([key]) => [key, (this.#counts.get(key) ?? 0) + 1]));
    this.#told = new Map(
      entries.flatMap(([key, reason]) => {
        const count = this.#counts.get(key) ?? 0;
        if (count < PATIENCE) return [];
        return [[key, count % SAME_WORDS === 0 ? reason : (this.#told.get(key) ?? reason)] as const];
      }),
    );
    this.#now = new Map();
    return JSON.stringify(this.told) !== before;
  }
}
