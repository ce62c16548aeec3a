/** At most so many bytes of bodies that are on their way: of all, and of those from one address. */
const MAX_BYTES = { all: 64 * 1024 * 1024, address: 16 * 1024 * 1024 };

/** Memory for request bodies that have not ended yet. Nobody has proved who they are when theirs come in, so it is bounded for all together. */
export class BodyRoom {
  readonly #byAddress = new Map<string, number>();
  #all = 0;

  /** @returns false when there is no room for them */
  take(address: string, bytes: number): boolean {
    const taken = this.#byAddress.get(address) ?? 0;
    if (this.#all + bytes > MAX_BYTES.all || taken + bytes > MAX_BYTES.address) return false;
    this.#all += bytes;
    this.#byAddress.set(address, taken + bytes);
    return true;
  }

  give(address: string, bytes: number): void {
    const left = (this.#byAddress.get(address) ?? 0) - bytes;
    this.#all -= bytes;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
