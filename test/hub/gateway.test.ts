import { request } from 'node:http';
import { connect } from 'node:net';
import {
  LIMITS,
  problemCodeOf,
  type Cluster,
  type Installation,
  type InstallationHealth,
  type Operation,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeAgent, type ConnectOptions } from '../support/fake-agent.ts';
import { makeKeys } from '../support/fake-identity.ts';
import { HubRefusal } from '../support/hub-address.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish('1.0.0');
});
afterAll(() => fleet.end());

/** What the hub answered to this attempt to connect. */
async function refused(agent: FakeAgent, options: ConnectOptions): Promise<HubRefusal> {
  const error: unknown = await agent.open(options).then(
    () => new Error('the hub let it in'),
    (reason: unknown) => reason,
  );
  if (error instanceof HubRefusal) return error;
  throw error;
}

function codeOf({ problem }: HubRefusal): string | undefined {
  return problem && problemCodeOf(problem);
}

describe('an upgrade is refused with a status and a problem', () => {
  let agent: FakeAgent;
  beforeAll(async () => {
    ({ agent } = await fleet.connected());
    await agent.close();
  });

  it.each<[string, ConnectOptions, number, string]>([
    ['without a token', { authorization: '' }, 401, 'not-authenticated'],
    ['with garbage for a token', { authorization: 'Bearer garbage' }, 401, 'not-authenticated'],
    ['signed by another key', { keys: makeKeys() }, 401, 'not-authenticated'],
    ['for another audience', { claims: { aud: 'elsewhere' } }, 401, 'not-authenticated'],
    ['of a cluster that is not known', { claims: { sub: crypto.randomUUID() } }, 401, 'not-authenticated'],
    ['that would live for an hour', { claims: { exp: Date.now() / 1_000 + 3_600 } }, 401, 'not-authenticated'],
    ['with a clock that is two minutes slow', { clockOffsetMs: -120_000 }, 401, 'clock-skew'],
    ['with a clock that is two minutes fast', { clockOffsetMs: 120_000 }, 401, 'clock-skew'],
    ['from another Kubernetes cluster', { claims: { cluster: 'a-copy' } }, 409, 'wrong-cluster'],
    ['with a protocol that is not spoken', { subprotocols: ['steward.v9.json'] }, 426, 'unknown-protocol'],
    ['with no protocol', { subprotocols: [] }, 426, 'unknown-protocol'],
  ])('%s', async (_name, options, status, code) => {
    const answer = await refused(agent, options);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(answer.problem?.detail).toMatch(/\w{3}/);
    if (status === 401) expect(answer.serverTime).toMatch(/^\d{4}-.*Z$/);
  });

  it('when the token was used before', async () => {
    const authorization = `Bearer ${agent.token()}`;
    await agent.open({ authorization });
    await agent.close();
    const answer = await refused(agent, { authorization });
    expect([answer.status, answer.problem?.detail]).toEqual([401, expect.stringContaining('can be used once')]);
  });

  it('when it is no WebSocket handshake', async () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const headers = {
      authorization: `Bearer ${agent.token()}`,
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-protocol': 'steward.v1.json',
      'sec-websocket-version': '8',
      'sec-websocket-key': 'short',
    };
    request(`${fleet.running.hub.url}/agent/v1/connect`, { headers })
      .on('response', (response) => resolve(response.resume().statusCode ?? 0))
      .on('error', reject)
      .end();
    expect(await promise).toBe(400);
  });

  it('and tells the cluster what people must know of it', async () => {
    const { cluster, agent: other } = await fleet.connected();
    await other.kill();
    await refused(other, { claims: { cluster: 'uid-of-a-copy' } });
    const copied = await fleet.owner.get<Cluster>(`/clusters/${cluster.id}`);
    expect(copied.connectionMessage).toContain('because it runs in another cluster (uid-of-a-copy)');
  });

  it('and shows at the cluster that its clock is off', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    const fresh = await FakeAgent.enrol(agent.hub, enrolment.token);
    await refused(fresh, { clockOffsetMs: -3_600_000 });
    const found = await fleet.owner.get<Cluster>(`/clusters/${cluster.id}`);
    expect(found.connection).toBe('enrolled');
    expect(found.connectionMessage).toMatch(/its clock is 3[56]\d\d s behind the hub's: set up time synchronisation/);
  });

  it('and counts it', async () => {
    const { body } = await fleet.owner.call<string>('GET', '/metrics');
    expect(body).toMatch(/steward_agent_refusals_total\{reason="wrong-cluster"\} [1-9]/);
    expect(body).toMatch(/steward_agent_refusals_total\{reason="clock-skew"\} [1-9]/);
  });
});

describe('a session', () => {
  it('says welcome with its epoch, which rises with each', async () => {
    const { agent, cluster } = await fleet.connected();
    const first = await agent.waitFor('welcome');
    await agent.close();
    const second = await agent.connect();
    expect(second).toMatchObject({ clusterId: cluster.id, organization: 'acme', epoch: first.b.epoch + 1 });
  });

  it.each<[string, string | Buffer, number]>([
    ['garbage', 'not a frame', 4400],
    ['a binary frame', Buffer.from([1, 2, 3]), 4400],
    ['a frame nested too deep', `{"t":"ack","b":${'['.repeat(100)}${']'.repeat(100)}}`, 4400],
    ['a frame above a megabyte', 'x'.repeat(LIMITS.maxFrameBytes + 1), 1009],
  ])('ends with its code after %s, and the hub lives', async (_name, data, code) => {
    const { agent } = await fleet.connected();
    agent.sendRaw(data);
    expect((await agent.ended).code).toBe(code);
    await agent.connect();
    expect(agent.isOpen).toBe(true);
  });

  it('answers a type it does not know and goes on', async () => {
    const { agent } = await fleet.connected();
    agent.sendRaw('{"t":"later.thing","b":{}}');
    expect((await agent.waitFor('error')).b.code).toBe('unknown-type');
    agent.event();
    await agent.acked();
  });

  it('ends with 4409 when a newer one takes over, and its late end changes nothing', async () => {
    const { agent, cluster } = await fleet.connected();
    const newer = new FakeAgent(agent.hub, agent.identity);
    await newer.connect();
    expect((await agent.ended).code).toBe(4409);
    await fleet.shows(cluster.id, 'connected');
    const { installation } = await fleet.install(cluster.name);
    expect((await newer.waitFor('desired')).b.installationId).toBe(installation.id);
    await newer.kill();
  });

  it('ends at once when the cluster is revoked, and there is no other', async () => {
    const { agent, cluster } = await fleet.connected();
    await fleet.owner.post(`/clusters/${cluster.id}/revoke`);
    expect((await agent.ended).code).toBe(4403);
    const answer = await refused(agent, {});
    expect([answer.status, codeOf(answer)]).toEqual([403, 'cluster-revoked']);
  });

  it('writes nothing once its epoch is over, though nobody told it', async () => {
    const { agent, cluster } = await fleet.connected();
    const { operation, installation } = await fleet.install(cluster.name);
    await agent.waitFor('desired');
    await waitUntil(async () => (await stateOf(operation.id)) === 'offered', { what: 'it is offered' });
    await raiseEpoch(cluster.id);
    const health: InstallationHealth = {
      health: 'healthy',
      reasons: [],
      workloads: [],
      since: new Date().toISOString(),
    };
    agent.send({ t: 'health', b: { revision: 1, full: false, set: { [installation.id]: health }, delete: [] } });
    agent.result(operation.id, { state: 'accepted' });
    expect((await agent.ended).code).toBe(4409);
    expect(await stateOf(operation.id)).toBe('offered');
    expect((await fleet.owner.get<Installation>(`/installations/${installation.id}`)).health).toBe('unknown');
    await agent.connect();
    agent.resend();
    await agent.acked();
    expect(await stateOf(operation.id)).toBe('accepted');
  });

  it('is claimed back by its replica, when that was taken for dead', async () => {
    const { agent, cluster } = await fleet.connected();
    await withClient(fleet.running.database.superuserUrl, async (client) => {
      await client.query('DELETE FROM hub_replicas');
      await client.query('UPDATE clusters SET session_replica = NULL WHERE id = $1', [cluster.id]);
    });
    await waitUntil(() => hasSession(cluster.id), { what: 'the session is claimed back' });
    expect(agent.isOpen).toBe(true);
  });

  it('takes no record on the stream of another process', async () => {
    const { agent } = await fleet.connected();
    agent.send({
      t: 'event',
      s: `events.${crypto.randomUUID()}`,
      q: 1,
      b: { kind: 'gap', message: '', at: new Date().toISOString() },
    });
    expect((await agent.ended).code).toBe(4400);
  });

  it('asks for the full reports when the hash of a heartbeat differs', async () => {
    const { agent } = await fleet.connected();
    agent.send({ t: 'heartbeat', b: { revision: 1, hash: 'sha256:other', clock: new Date().toISOString() } });
    expect((await agent.waitFor('resync')).b.reason).toContain('differs');
  });

  it('shows a clock that is off as soon as it connects', async () => {
    const { cluster, agent } = await fleet.connected();
    await agent.close();
    await agent.open();
    agent.hello({ hello: { clock: new Date(Date.now() + 95_000).toISOString() } });
    await agent.waitFor('welcome');
    const found = await fleet.owner.get<Cluster>(`/clusters/${cluster.id}`);
    expect(found.connectionMessage).toMatch(/connected since .*; its clock is 9[45] s ahead of the hub's/);
  });

  it('writes no row for the heartbeats of an idle agent', async () => {
    const { agent } = await fleet.connected();
    const before = await rowVersions();
    const clock = () => new Date().toISOString();
    for (let revision = 0; revision < 20; revision += 1)
      agent.send({ t: 'heartbeat', b: { revision, hash: 'sha256:other', clock: clock() } });
    // Frames are handled in order: when this one is answered, the heartbeats are done with.
    agent.sendRaw('{"t":"later.thing","b":{}}');
    await agent.waitFor('error');
    expect(await rowVersions()).toEqual(before);
  });
});

async function stateOf(operationId: string): Promise<string> {
  return (await fleet.owner.get<Operation>(`/operations/${operationId}`)).state;
}

/** As another replica does when the agent connects there. */
async function raiseEpoch(clusterId: string): Promise<void> {
  await withClient(fleet.running.database.superuserUrl, (client) =>
    client.query('UPDATE clusters SET epoch = epoch + 1 WHERE id = $1', [clusterId]),
  );
}

/** Every row version in the tables to which an agent's frames could write. */
async function rowVersions(): Promise<Record<string, string>> {
  const tables = ['clusters', 'installations', 'feed_events', 'agent_streams', 'installation_events'];
  return withClient(fleet.running.database.superuserUrl, async (client) => {
    const found: Record<string, string> = {};
    for (const table of tables) {
      const sql = `SELECT COALESCE(string_agg(xmin::text, ',' ORDER BY xmin::text::bigint), '') AS versions FROM ${table}`;
      const { rows } = await client.query<{ versions: string }>(sql);
      found[table] = rows[0]?.versions ?? '';
    }
    return found;
  });
}

describe('downloads by an agent', () => {
  it('are what its own installations refer to, and nothing else', async () => {
    const { agent, cluster } = await fleet.connected();
    const other = await fleet.connected();
    const before = await agent.download('charts', fleet.chartDigest).catch((error: unknown) => error);
    expect(before).toBeInstanceOf(HubRefusal);
    await fleet.install(cluster.name);
    const { b } = await agent.waitFor('desired');
    expect(await agent.download('charts', fleet.chartDigest)).toEqual(fleet.chart);
    const envelope = JSON.parse((await agent.download('releases', b.release.digest)).toString('utf8')) as unknown;
    expect(envelope).toMatchObject({ payloadType: 'application/vnd.steward.release.v1+json' });
    await expect(other.agent.download('releases', b.release.digest)).rejects.toThrow('404');
  });
});

describe('a hub that is shut down', () => {
  it('sends its agents away with a time to come back, and stops in time', async () => {
    const own = await startFleet();
    const { agent } = await own.connected();
    const stopped = own.running.hub.stop();
    const goaway = await agent.waitFor('goaway');
    expect(goaway.b.maxDelayMs).toBeGreaterThanOrEqual(1_000);
    expect((await agent.ended).code).toBe(1001);
    expect(await stopped).toBe(0);
    await own.end();
  });
});

describe('sockets that misbehave below WebSocket', () => {
  it('leave nothing behind when they vanish in the middle of the upgrade', async () => {
    const { agent, cluster } = await fleet.connected();
    await agent.close();
    const { hostname, port } = new URL(fleet.running.hub.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    const lines = [
      'GET /agent/v1/connect HTTP/1.1',
      'host: hub',
      'connection: upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      `sec-websocket-key: ${'a'.repeat(22)}==`,
      'sec-websocket-protocol: steward.v1.json',
      `authorization: Bearer ${agent.token()}`,
    ];
    socket.end(`${lines.join('\r\n')}\r\n\r\n`);
    socket.destroySoon();
    await waitUntil(async () => (await hasSession(cluster.id)) === false, { what: 'the session has ended' });
    await agent.connect();
    expect(await hasSession(cluster.id)).toBe(true);
  });
});

async function hasSession(clusterId: string): Promise<boolean | undefined> {
  return withClient(fleet.running.database.superuserUrl, async (client) => {
    const sql = 'SELECT session_replica IS NOT NULL AS has FROM clusters WHERE id = $1';
    return (await client.query<{ has: boolean }>(sql, [clusterId])).rows[0]?.has;
  });
}
