/** Text that PostgreSQL takes: it has no NUL, and no half of a surrogate pair (as when an emoji was cut in two). */
export function storableText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

/** JSON that PostgreSQL takes as jsonb: every text in it is {@link storableText}. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'string' ? storableText(inner) : inner));
}

/** Where in data from outside a text is that PostgreSQL does not take, as `/a/b`; undefined when there is none. */
export function unstorablePlace(value: unknown, place = ''): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : place || '/';
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const found = isStorable(name) ? unstorablePlace(inner, `${place}/${name}`) : place || '/';
    if (found !== undefined) return found;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** SQLSTATEs of a text with a NUL or a broken character, as a value and inside jsonb. */
const UNSTORABLE: ReadonlySet<unknown> = new Set(['22021', '22P05']);

/** Whether PostgreSQL refused a text for its characters. */
export function isUnstorable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && UNSTORABLE.has(error.code);
}
