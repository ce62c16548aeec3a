import type { EntityManager } from 'typeorm';

/**
 * Rows of any statement, also of `UPDATE … RETURNING` and `DELETE … RETURNING`, for which `tx.query` answers with a pair.
 * The row type is the caller's word for the columns it names; jsonb columns still need decoding.
 */
export async function rows<Row>(tx: EntityManager, sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
  const result = await runner(tx).query(sql, [...parameters], true);
  return (result.records ?? []) as Row[];
}

/** The first row, or undefined. */
export async function row<Row>(
  tx: EntityManager,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row | undefined> {
  return (await rows<Row>(tx, sql, parameters))[0];
}

/** Runs a statement. @returns how many rows it touched */
export async function execute(tx: EntityManager, sql: string, parameters: readonly unknown[] = []): Promise<number> {
  const result = await runner(tx).query(sql, [...parameters], true);
  return result.affected ?? 0;
}

/** Sends a notification that PostgreSQL delivers when, and only when, the transaction commits. Payload below 8000 bytes. */
export async function notify(tx: EntityManager, channel: string, payload: string): Promise<void> {
  await execute(tx, 'SELECT pg_notify($1, $2)', [channel, payload]);
}

function runner(tx: EntityManager) {
  if (!tx.queryRunner) throw new Error('a query outside a transaction: use Database.inTenant or Database.asSystem');
  return tx.queryRunner;
}
