import { afterAll, beforeAll, expect, it } from 'vitest';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish('1.0.0');
});
afterAll(() => fleet.end());

async function query<T>(sql: string, values: unknown[] = []): Promise<T[]> {
  const url = fleet.running.database.superuserUrl;
  return withClient(url, async (client) => (await client.query<T & object>(sql, values)).rows);
}

/** An installation with an operation of now and so many that ended more than 400 days ago, each with an entry of its story. */
async function withOld(count: number): Promise<string> {
  const { cluster } = await fleet.cluster();
  const { installation } = await fleet.install(cluster.name);
  await query(
    `WITH made AS (
       INSERT INTO operations (organization_id, customer_id, cluster_id, installation_id, release_id, kind, generation, state, phase, message,
                               requested_by, not_after, trace_id, span_id, created_at, finished_at)
       SELECT organization_id, customer_id, cluster_id, installation_id, release_id, kind, generation, 'succeeded', 'done', '', requested_by,
              not_after, trace_id, span_id, now() - interval '500 days' - n * interval '1 hour', now() - interval '450 days'
       FROM operations, generate_series(1, $2) AS n WHERE installation_id = $1 RETURNING id, organization_id, customer_id)
     INSERT INTO operation_transitions (organization_id, customer_id, operation_id, state, phase, message, at)
     SELECT organization_id, customer_id, id, 'succeeded', 'done', '', now() FROM made`,
    [installation.id, count],
  );
  return installation.id;
}

async function kept(installationId: string): Promise<number | undefined> {
  const [found] = await query<{ count: number }>(
    'SELECT count(*)::int AS count FROM operations WHERE installation_id = $1',
    [installationId],
  );
  return found?.count;
}

it('operations that ended long ago are forgotten, beyond the newest of their installation', async () => {
  const [busy, quiet] = [await withOld(120), await withOld(3)];
  // A hub tidies soon after it has started.
  await fleet.running.restart();
  await waitUntil(async () => (await kept(busy)) === 100, { what: 'the oldest are forgotten', timeoutMs: 20_000 });
  expect(await kept(quiet)).toBe(4);
  const [newest] = await query<{ isThere: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM operations WHERE installation_id = $1 AND finished_at IS NULL) AS "isThere"`,
    [busy],
  );
  expect(newest?.isThere).toBe(true);
});
