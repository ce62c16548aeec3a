/** Why something cannot be sent as the very value that it is; the sentence goes on after a noun. */
export class NotJsonError extends Error {
  override readonly name = 'NotJsonError';
}

/**
 * A parsed value with nothing in it that JSON would change: what is sent must be what was written. Whole numbers come as
 * `bigint`, so that one that is too large shows.
 * @param above the objects it lies in
 * @throws NotJsonError
 */
export function plainJson(value: unknown, above: readonly object[] = []): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return plainNumber(value);
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) throw new NotJsonError('with something that holds itself');
  const path = [...above, value];
  if (Array.isArray(value)) return value.map((item) => plainJson(item, path));
  if (Object.getPrototypeOf(value) !== Object.prototype)
    throw new NotJsonError('with a value that is neither text, number, list nor map, by its tag');
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainJson(item, path)]));
}

function plainNumber(value: bigint | number): number {
  const number = Number(value);
  if (Number.isFinite(number) && (typeof value === 'number' || Number.isSafeInteger(number))) return number;
  throw new NotJsonError(`with a number that would not stay what it is: whole ones end at ${Number.MAX_SAFE_INTEGER}`);
}
