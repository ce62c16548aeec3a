/** One question to the worker: is the schema usable, and, with a value, does the value fit. Equal keys mean equal schemas. */
export interface SchemaCheckRequest {
  key: string;
  schema: Record<string, unknown>;
  value?: unknown;
}

export type SchemaCheckReply = { kind: 'ok' } | { kind: 'bad-schema' | 'bad-value'; problems: string[] };

/** What the check itself adds: it took too long, or the worker died of it. */
export type SchemaCheckResult = SchemaCheckReply | { kind: 'gave-up'; problems: string[] };
