/** One of the counts that a place is taken from, and how many it has. */
export interface Claim {
  key: string;
  max: number;
}

/** Bounded places for what goes on for a while, counted under several keys at once. Holds nothing of a key without a taken place. */
export class Places {
  readonly #taken = new Map<string, number>();

  /** Takes one under every key, or none. @returns what gives it back, safe twice; undefined when one of them is full */
  take(claims: readonly Claim[]): (() => void) | undefined {
    if (claims.some(({ key, max }) => this.count(key) >= max)) return undefined;
    const keys = claims.map(({ key }) => key);
    for (const key of keys) this.#taken.set(key, this.count(key) + 1);
    return () => {
      for (const key of keys.splice(0)) {
        const left = this.count(key) - 1;
        if (left > 0) this.#taken.set(key, left);
        else this.#taken.delete(key);
      }
    };
  }

  count(key: string): number {
    return this.#taken.get(key) ?? 0;
  }
}
