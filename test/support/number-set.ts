/** A set of the whole numbers from 0 to below its size, one bit each: its memory is fixed from the start. */
export class NumberSet {
  readonly size: number;
  private readonly bits: Uint8Array;
  private members = 0;

  constructor(size: number) {
    this.size = size;
    this.bits = new Uint8Array(Math.ceil(size / 8));
  }

  get count(): number {
    return this.members;
  }

  has(number: number): boolean {
    return ((this.bits[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  /** @throws RangeError for a number that cannot be in the set */
  add(number: number): void {
    if (!Number.isInteger(number) || number < 0 || number >= this.size)
      throw new RangeError(`${number} is not between 0 and ${this.size}`);
    if (this.has(number)) return;
    this.bits[number >> 3] = (this.bits[number >> 3] ?? 0) | (1 << (number & 7));
    this.members += 1;
  }

  /** How many members are not in the other set. */
  countMissingIn(other: NumberSet): number {
    let missing = 0;
    for (let number = 0; number < this.size; number += 1) if (this.has(number) && !other.has(number)) missing += 1;
    return missing;
  }
}
