import type { Operation } from '@steward/shared';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, unique, type Fleet } from './fleet/world.ts';

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

/** A hub tidies soon after it has started. */
async function restart(): Promise<void> {
  await fleet.running.restart({ listen: new URL(fleet.running.hub.url).host });
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
  await restart();
  await waitUntil(async () => (await kept(busy)) === 100, { what: 'the oldest are forgotten', timeoutMs: 20_000 });
  expect(await kept(quiet)).toBe(4);
  const [newest] = await query<{ isThere: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM operations WHERE installation_id = $1 AND finished_at IS NULL) AS "isThere"`,
    [busy],
  );
  expect(newest?.isThere).toBe(true);
});

it('what happened to an installation is forgotten after 90 days, and not before', async () => {
  const { cluster } = await fleet.cluster();
  const { installation } = await fleet.install(cluster.name);
  await query(
    `INSERT INTO installation_events (organization_id, customer_id, cluster_id, installation_id, kind, message, at, created_at)
     SELECT organization_id, customer_id, cluster_id, id, 'gap', days || ' days ago', now(), now() - make_interval(days => days)
     FROM installations, unnest(ARRAY[89, 91]) AS days WHERE id = $1`,
    [installation.id],
  );
  const told = async (): Promise<string[]> => {
    const { items } = await fleet.owner.get<{ items: { message: string }[] }>(
      `/installations/${installation.id}/events`,
    );
    return items.map(({ message }) => message);
  };
  expect(await told()).toEqual(['89 days ago', '91 days ago']);
  await restart();
  await waitUntil(async () => (await told()).length === 1, { what: 'the older is forgotten', timeoutMs: 20_000 });
  expect(await told()).toEqual(['89 days ago']);
});

it('an Idempotency-Key answers for a day with what it made, and may be used anew after that', async () => {
  const { cluster } = await fleet.cluster();
  const { installation } = await fleet.install(cluster.name);
  const keys = [unique('young'), unique('old')] as const;
  const push = async (key: string): Promise<string> => {
    const path = `/installations/${installation.id}/operations`;
    const wanted = { kind: 'upgrade', version: '1.0.0' };
    const { status, body } = await fleet.owner.call<Operation>('POST', path, wanted, { 'idempotency-key': key });
    expect(status).toBe(201);
    return body.id;
  };
  const age = (key: string, hours: number): Promise<unknown> =>
    query('UPDATE idempotency_keys SET created_at = now() - make_interval(hours => $2) WHERE key = $1', [key, hours]);
  const first = { young: await push(keys[0]), old: await push(keys[1]) };
  await age(keys[0], 23);
  await age(keys[1], 25);
  await restart();
  const isThere = async (key: string): Promise<boolean> =>
    (await query('SELECT 1 FROM idempotency_keys WHERE key = $1', [key])).length > 0;
  await waitUntil(async () => !(await isThere(keys[1])), { what: 'the older is forgotten', timeoutMs: 20_000 });
  expect(await push(keys[0])).toBe(first.young);
  expect(await push(keys[1])).not.toBe(first.old);
});

it('tokens are forgotten a month after they ended, but for the one by which a cluster enrolled', async () => {
  const [young, old, enrolled] = [await fleet.cluster(), await fleet.cluster(), await fleet.connected()];
  const of = {
    enrolment_tokens: 'cluster_id = $1',
    grant_tokens: 'installation_id IN (SELECT id FROM installations WHERE cluster_id = $1)',
  };
  const tables = Object.entries(of);
  for (const [{ cluster }, days] of [
    [young, 29],
    [old, 31],
    [enrolled, 31],
  ] as const) {
    await fleet.install(cluster.name);
    for (const [table, where] of tables)
      await query(`UPDATE ${table} SET expires_at = now() - make_interval(days => $2) WHERE ${where}`, [
        cluster.id,
        days,
      ]);
  }
  const there = async ({ cluster: { id } }: { cluster: { id: string } }): Promise<Record<string, number>> => {
    const counts = tables.map(async ([table, where]) => {
      const found = await query(`SELECT 1 FROM ${table} WHERE ${where}`, [id]);
      return [table, found.length] as const;
    });
    return Object.fromEntries(await Promise.all(counts));
  };
  for (const one of [young, old, enrolled]) expect(await there(one)).toEqual({ enrolment_tokens: 1, grant_tokens: 1 });
  await restart();
  const areGone = async (): Promise<boolean> => (await there(old))['grant_tokens'] === 0;
  await waitUntil(areGone, { what: 'the older are forgotten', timeoutMs: 20_000 });
  expect(await there(old)).toEqual({ enrolment_tokens: 0, grant_tokens: 0 });
  expect(await there(enrolled)).toEqual({ enrolment_tokens: 1, grant_tokens: 0 });
  expect(await there(young)).toEqual({ enrolment_tokens: 1, grant_tokens: 1 });
});
