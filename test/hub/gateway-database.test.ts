// @module-tag one-try
import { problemCodeOf, type OperationDetails } from '@steward/shared';
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { HubRefusal } from '../support/hub-address.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;
let proxy: FaultProxy;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish('1.0.0');
  const url = new URL(fleet.running.database.url);
  proxy = await startFaultProxy({ host: url.hostname, port: Number(url.port) });
  url.hostname = proxy.host;
  url.port = String(proxy.port);
  await fleet.running.restart({ listen: new URL(fleet.running.hub.url).host, databaseUrl: url.href });
});
afterAll(async () => {
  await fleet.end();
  await proxy.stop();
});

it('is offered what was wanted while the connection that listens for it was lost', async () => {
  const { cluster, agent } = await fleet.connected();
  await asSuperuser(async (client, database) => {
    // The pools keep the connections they have; the one that listens cannot come back.
    await client.query(`ALTER DATABASE ${database} CONNECTION LIMIT 0`);
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'steward-listen'`);
  });
  const made = await fleet.install(cluster.name);
  await asSuperuser((client, database) => client.query(`ALTER DATABASE ${database} CONNECTION LIMIT -1`));
  expect((await agent.waitFor('desired')).b.operation.id).toBe(made.operation.id);
});

it('is told to come back while the database is gone, and loses nothing', async () => {
  const { cluster, agent } = await fleet.connected();
  const other = await fleet.connected();
  const made = await fleet.install(cluster.name);
  await agent.waitFor('desired');
  proxy.setRefusing(true);
  proxy.cut();
  agent.result(made.operation.id, { state: 'accepted' });
  expect((await agent.ended).code).toBe(4429);
  await other.agent.kill();
  await waitUntil(
    () => fleet.running.hub.logs.some((line) => line.includes('the end of sessions could not be written')),
    {
      what: 'writing the end of the session has failed',
    },
  );
  const error: unknown = await agent.open().catch((reason: unknown) => reason);
  if (!(error instanceof HubRefusal) || !error.problem) throw error;
  expect([error.status, problemCodeOf(error.problem)]).toEqual([503, 'database-unavailable']);
  expect(error.retryAfterSeconds).toBeGreaterThan(0);
  proxy.setRefusing(false);
  await waitUntil(
    async () => {
      await agent.connect();
      return true;
    },
    { what: 'the agent is let in again' },
  );
  agent.resend();
  await agent.carryOut(made.operation.id, ['running', 'succeeded']);
  const found = await fleet.owner.get<OperationDetails>(`/operations/${made.operation.id}`);
  expect(found.state).toBe('succeeded');
  await waitUntil(async () => !(await hasSession(other.cluster.id)), {
    what: 'the end of the other session is written',
  });
});

async function hasSession(clusterId: string): Promise<boolean | undefined> {
  return asSuperuser(async (client) => {
    const sql = 'SELECT session_replica IS NOT NULL AS has FROM clusters WHERE id = $1';
    return (await client.query<{ has: boolean }>(sql, [clusterId])).rows[0]?.has;
  });
}

function asSuperuser<T>(work: (client: Client, database: string) => Promise<T>): Promise<T> {
  const { superuserUrl } = fleet.running.database;
  return withClient(superuserUrl, (client) => work(client, new URL(superuserUrl).pathname.slice(1)));
}
