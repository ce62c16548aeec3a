// @module-tag one-try
import type { Cluster } from '@steward/shared';
import { CLOSE_CODES } from '@steward/shared';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;
let proxy: FaultProxy;

beforeAll(async () => {
  fleet = await startFleet();
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

const hasLogged = (words: string) => fleet.running.hub.logs.some((line) => line.includes(words));

it('that swallows what it is sent is left alone, and what happened meanwhile is found', async () => {
  const { cluster, agent } = await fleet.connected();
  const other = await fleet.connected();
  // Frames are taken in order: the hub has no more to ask of the database for them.
  for (const connected of [agent, other.agent]) {
    connected.event();
    await connected.acked();
  }
  proxy.setHalfOpen(true);
  const asked = fleet.owner.call('GET', '/customers');
  await waitUntil(() => hasLogged('lost the connection that listens to the database'), {
    what: 'the listener finds out',
    timeoutMs: 40_000,
  });
  // Of the pool, without waiting for the kernel: that takes a quarter of an hour.
  expect((await asked).status).toBe(503);
  // Revoked on another replica, which this one has not heard.
  await withClient(fleet.running.database.superuserUrl, (client) =>
    client.query('UPDATE clusters SET revoked_at = now(), epoch = epoch + 1, session_replica = NULL WHERE id = $1', [
      cluster.id,
    ]),
  );
  proxy.cut();
  proxy.setHalfOpen(false);
  expect((await agent.ended).code).toBe(CLOSE_CODES.revoked.code);
  await waitUntil(async () => (await fleet.owner.call('GET', '/customers')).status === 200, { what: 'the hub serves' });
  expect((await fleet.owner.get<Cluster>(`/clusters/${other.cluster.id}`)).connection).toBe('connected');
  expect(other.agent.isOpen).toBe(true);
});
