// @module-tag one-try
import type { Cluster, OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeAgent } from '../support/fake-agent.ts';
import { hubAddress } from '../support/hub-address.ts';
import { startHub, type TestHub } from '../support/hub.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

async function hasSession(fleet: Fleet, clusterId: string): Promise<boolean | undefined> {
  return withClient(fleet.running.database.superuserUrl, async (client) => {
    const sql = 'SELECT session_replica IS NOT NULL AS has FROM clusters WHERE id = $1';
    return (await client.query<{ has: boolean }>(sql, [clusterId])).rows[0]?.has;
  });
}

describe('a hub that is killed and comes back', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet();
    await fleet.publish('1.0.0');
  });
  afterAll(() => fleet.end());

  async function killHub(): Promise<void> {
    const listen = new URL(fleet.running.hub.url).host;
    await fleet.running.hub.kill();
    await fleet.running.restart({ listen });
  }

  it('offers again what had not ended', async () => {
    const { cluster, agent } = await fleet.connected();
    const made = await fleet.install(cluster.name);
    await agent.waitFor('desired');
    await killHub();
    expect((await agent.ended).code).toBe(1006);
    await agent.connect();
    expect((await agent.waitFor('desired')).b.operation.id).toBe(made.operation.id);
    await agent.carryOut(made.operation.id);
    expect((await fleet.owner.get<OperationDetails>(`/operations/${made.operation.id}`)).state).toBe('succeeded');
  });

  it('stores results that were on the way exactly once', async () => {
    const { cluster, agent } = await fleet.connected();
    const made = await fleet.install(cluster.name);
    await agent.waitFor('desired');
    agent.result(made.operation.id, { state: 'accepted' });
    agent.result(made.operation.id, { state: 'running' });
    await killHub();
    await agent.ended;
    agent.result(made.operation.id, { state: 'succeeded' });
    await agent.connect();
    agent.resend();
    await agent.acked();
    const found = await fleet.owner.get<OperationDetails>(`/operations/${made.operation.id}`);
    expect(found.state).toBe('succeeded');
    expect(found.transitions.map(({ revision }) => revision).filter((revision) => revision > 0)).toEqual([1, 2, 3]);
  });
});

describe('two replicas of the hub', () => {
  let fleet: Fleet;
  let second: TestHub;
  beforeAll(async () => {
    fleet = await startFleet();
    await fleet.publish('1.0.0');
    second = await startHub({ databaseUrl: fleet.running.database.url });
  });
  afterAll(async () => {
    await second.stop();
    await fleet.end();
  });

  /** An agent that is connected to the second replica. */
  async function onSecond(): Promise<{ cluster: Cluster; agent: FakeAgent }> {
    const { cluster, enrolment } = await fleet.cluster();
    const agent = await FakeAgent.enrol(hubAddress(second.url), enrolment.token);
    await agent.connect();
    return { cluster, agent };
  }

  it('take an operation on one and send it from the other, which has the session', async () => {
    const { cluster, agent } = await onSecond();
    const made = await fleet.install(cluster.name);
    expect((await agent.waitFor('desired')).b.operation.id).toBe(made.operation.id);
    await agent.carryOut(made.operation.id);
    expect((await fleet.owner.get<OperationDetails>(`/operations/${made.operation.id}`)).state).toBe('succeeded');
    await agent.close();
  });

  it('let an agent have one session: a newer one on the other replica ends it', async () => {
    const { cluster, agent } = await onSecond();
    const moved = new FakeAgent(hubAddress(fleet.running.hub.url), agent.identity);
    await moved.connect();
    expect((await agent.ended).code).toBe(4409);
    expect(await hasSession(fleet, cluster.id)).toBe(true);
    const { operation } = await fleet.install(cluster.name);
    expect((await moved.waitFor('desired')).b.operation.id).toBe(operation.id);
    await moved.close();
  });

  it('revoke on one what is connected to the other', async () => {
    const { cluster, agent } = await onSecond();
    await fleet.owner.post(`/clusters/${cluster.id}/revoke`);
    expect((await agent.ended).code).toBe(4403);
  });

  /** Behind the hub: its session was begun when its replica was about to leave, and no connection is there that could end it. */
  async function leaveBehind(clusterId: string, set: string): Promise<void> {
    await withClient(fleet.running.database.superuserUrl, (client) =>
      client.query(`UPDATE clusters SET ${set}, last_seen_at = now() - interval '1 hour' WHERE id = $1`, [clusterId]),
    );
  }

  it('write of one that leaves that its sessions are over, also of one that has no connection', async () => {
    const third = await startHub({ databaseUrl: fleet.running.database.url });
    const { cluster, enrolment } = await fleet.cluster();
    const agent = await FakeAgent.enrol(hubAddress(third.url), enrolment.token);
    await agent.connect();
    await leaveBehind(cluster.id, 'epoch = epoch + 1');
    await third.stop();
    expect(await hasSession(fleet, cluster.id)).toBe(false);
    const { lastSeenAt = '' } = await fleet.owner.get<Cluster>(`/clusters/${cluster.id}`);
    expect(Date.now() - Date.parse(lastSeenAt)).toBeLessThan(60_000);
  });

  it('end a session that was begun when its replica had left already', async () => {
    const { cluster, agent } = await fleet.connected();
    await agent.close();
    await waitUntil(async () => (await hasSession(fleet, cluster.id)) === false, { what: 'the end is written' });
    await leaveBehind(cluster.id, 'session_replica = gen_random_uuid()');
    await fleet.shows(cluster.id, 'offline');
    expect(await hasSession(fleet, cluster.id)).toBe(false);
  });

  it('bury the sessions of one that was killed', async () => {
    const { cluster, agent } = await onSecond();
    await second.kill();
    await agent.ended;
    expect(await hasSession(fleet, cluster.id)).toBe(true);
    await withClient(fleet.running.database.superuserUrl, (client) =>
      client.query(
        `UPDATE hub_replicas SET beat_at = now() - interval '1 hour' WHERE id = (SELECT session_replica FROM clusters WHERE id = $1)`,
        [cluster.id],
      ),
    );
    await fleet.shows(cluster.id, 'connected');
    await waitUntil(async () => (await hasSession(fleet, cluster.id)) === false, {
      what: 'the dead session is buried',
    });
    const moved = new FakeAgent(hubAddress(fleet.running.hub.url), agent.identity);
    await moved.connect();
    expect(await hasSession(fleet, cluster.id)).toBe(true);
    await moved.close();
  });
});
