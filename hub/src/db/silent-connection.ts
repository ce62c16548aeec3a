import { Socket } from 'node:net';
import type pg from 'pg';

/** From when on the kernel asks an idle peer whether it lives; its default is two hours. */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/**
 * Ends a connection over which nothing goes any more, either way. Choose longer than any statement may take: the server answers within
 * that or is gone, and a network that swallows what is sent tells nobody. (A `query_timeout` would give up the query and leave the
 * dead connection in its pool, for the next one.)
 */
export function endWhenSilent({ connection: { stream } }: pg.Client, silentMs: number): void {
  if (!(stream instanceof Socket)) throw new Error('the connection to the database is no socket');
  stream.setTimeout(silentMs, () => stream.destroy(new Error('connection timeout: the database has gone silent')));
}
