/** Text that PostgreSQL takes: it has no NUL, and no half of a surrogate pair (as when an emoji was cut in two). */
export function storableText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

/** JSON that PostgreSQL takes as jsonb: every text in it is {@link storableText}. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'string' ? storableText(inner) : inner));
}
