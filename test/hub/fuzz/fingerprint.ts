import type pg from 'pg';

/** Tables that the hub writes by itself, whoever asks. */
const LIVELY = new Set(['hub_replicas']);
/** Columns that a look at something moves. */
const NOTED = new Set(['last_used_at']);

/** One text for all that is stored, table by table. */
export async function fingerprint(client: pg.Client): Promise<Record<string, string>> {
  const { rows: tables } = await client.query<{ name: string; columns: string[] }>(
    `SELECT t.table_name AS name, array_agg(c.column_name::text ORDER BY c.ordinal_position) AS columns
     FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
     WHERE t.table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY t.table_name`,
  );
  const told: [string, string][] = [];
  for (const { name, columns } of tables) {
    if (LIVELY.has(name)) continue;
    const kept = columns.filter((column) => !NOTED.has(column)).map((column) => `"${column}"`);
    const { rows } = await client.query<{ sum: string }>(
      `SELECT count(*) || ' ' || coalesce(sum(hashtextextended(row(${kept.join(', ')})::text, 0)), 0) AS sum FROM "${name}"`,
    );
    told.push([name, rows[0]?.sum ?? '']);
  }
  return Object.fromEntries(told);
}
