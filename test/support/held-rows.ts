import type pg from 'pg';
import { withClient } from './postgres.ts';
import { waitUntil } from './wait-until.ts';

/** In a transaction that ends with the work. @param url as superuser */
export function inTransaction<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(url, async (client) => {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  });
}

/** Waits until so many of the hub's statements, of those with this in them, wait for a lock. */
export function waiting(client: pg.Client, count: number, text = ''): Promise<unknown> {
  return waitUntil(
    async () => {
      // Else a transaction sees what it saw first.
      await client.query('SELECT pg_stat_clear_snapshot()');
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, $1) > 0`,
        [text],
      );
      return rows[0]?.count === count;
    },
    { what: `${count} wait for a lock`, timeoutMs: 4_000 },
  );
}
