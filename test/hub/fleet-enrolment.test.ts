import { parseAllDocuments } from 'yaml';
import {
  compile,
  InstallKit,
  type Cluster,
  type CreatedCluster,
  type Enrolment,
  type Installation,
  type Problem,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeAgent } from '../support/fake-agent.ts';
import { makeKeys, type EnrolOptions } from '../support/fake-identity.ts';
import { openFeed } from '../support/feed.ts';
import { hubAddress, HubRefusal, type HubAddress } from '../support/hub-address.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, unique, type Fleet } from './fleet/world.ts';

let fleet: Fleet;
let hub: HubAddress;

beforeAll(async () => {
  fleet = await startFleet();
  hub = hubAddress(fleet.running.hub.url);
  await fleet.publish('1.0.0');
});
afterAll(() => fleet.end());

async function refusal(token: string, options: EnrolOptions = {}): Promise<[number, string]> {
  const error: unknown = await FakeAgent.enrol(hub, token, options).then(
    () => new Error('it enrolled'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof HubRefusal)) throw error;
  expect(error.problem?.action ?? error.problem?.detail).toMatch(/\w{3}/);
  return [error.status, error.problem?.type.split('/').at(-1) ?? ''];
}

async function fetchManifest(token: string, accept?: string): Promise<{ status: number; body: unknown }> {
  const headers = { authorization: `Bearer ${token}`, ...(accept && { accept }) };
  return fleet.owner.as(undefined).call('GET', '/install/v1/agent', undefined, headers);
}

/** So many more installations like one, behind the hub: to ask it for each would take too long. */
const MULTIPLY = `
  WITH made AS (INSERT INTO installations
    SELECT (jsonb_populate_record(i, jsonb_build_object('id', gen_random_uuid(), 'name', i.name || n, 'namespace', i.name || n))).*
    FROM installations i, generate_series(1, $2::int) n WHERE i.id = $1 RETURNING id)
  INSERT INTO installation_generations SELECT (json_populate_record(g, json_build_object('installation_id', made.id))).*
  FROM installation_generations g, made WHERE g.installation_id = $1`;

/** Behind the hub: time cannot be waited for. */
async function expire(clusterId: string): Promise<void> {
  await withClient(fleet.running.database.superuserUrl, (client) =>
    client.query(`UPDATE enrolment_tokens SET expires_at = now() - interval '1 minute' WHERE cluster_id = $1`, [
      clusterId,
    ]),
  );
}

async function setLastSeen(clusterId: string, secondsAgo: number): Promise<boolean> {
  return withClient(fleet.running.database.superuserUrl, async (client) => {
    const sql = `UPDATE clusters SET last_seen_at = now() - make_interval(secs => $2) WHERE id = $1 AND session_replica IS NULL`;
    return (await client.query(sql, [clusterId, secondsAgo])).rowCount === 1;
  });
}

describe('enrolment', () => {
  it('gives a cluster its agent, and answers the same again after a crash in between', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    const options = { keys: makeKeys(), clusterUid: 'uid-1' };
    const first = await FakeAgent.enrol(hub, enrolment.token, options);
    const again = await FakeAgent.enrol(hub, enrolment.token, options);
    expect(first.identity).toMatchObject({ clusterId: cluster.id, organization: 'acme', cluster: cluster.name });
    expect(again.identity.clusterId).toBe(cluster.id);
    await again.connect();
    await again.close();
  });

  it('takes a token once: another key is told that it was used', async () => {
    const { enrolment } = await fleet.cluster();
    await FakeAgent.enrol(hub, enrolment.token);
    expect(await refusal(enrolment.token)).toEqual([403, 'token-used']);
  });

  it('of two that race for one token lets one in', async () => {
    const { enrolment } = await fleet.cluster();
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => FakeAgent.enrol(hub, enrolment.token)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it.each([
    ['a wrong token', 'stw_e_'.padEnd(49, 'x'), [401, 'not-authenticated']],
    ['a session token', 'stw_s_'.padEnd(49, 'x'), [401, 'not-authenticated']],
    ['a token that is none', 'x'.repeat(30), [401, 'not-authenticated']],
  ])('refuses %s', async (_name, token, expected) => {
    expect(await refusal(token)).toEqual(expected);
  });

  it('refuses an expired token, and one that a newer one replaced', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    const newer = await fleet.owner.post<Enrolment>(`/clusters/${cluster.id}/enrolment`, {});
    expect(await refusal(enrolment.token)).toEqual([403, 'token-expired']);
    await expire(cluster.id);
    expect(await refusal(newer.token)).toEqual([403, 'token-expired']);
    expect((await fleet.owner.get<Cluster>(`/clusters/${cluster.id}`)).connectionMessage).toContain(
      'steward cluster enrol',
    );
  });

  it('refuses a body that is not as agreed, and a key that is none', async () => {
    const { enrolment } = await fleet.cluster();
    expect(await refusal(enrolment.token, { body: { publicKey: 'short' } })).toEqual([400, 'invalid-request']);
    expect(await refusal(enrolment.token, { body: { clusterUid: '' } })).toEqual([400, 'invalid-request']);
  });

  it('again with a new token ends the old identity at once', async () => {
    const { cluster, agent } = await fleet.connected();
    const { token } = await fleet.owner.post<Enrolment>(`/clusters/${cluster.id}/enrolment`, {});
    const moved = await FakeAgent.enrol(hub, token);
    expect((await agent.ended).code).toBe(4401);
    await expect(agent.open()).rejects.toThrow('401');
    await moved.connect();
    await moved.close();
  });

  it('takes a revoked cluster back with a new token', async () => {
    const { cluster } = await fleet.connected();
    const revoked = await fleet.owner.post<Cluster>(`/clusters/${cluster.id}/revoke`);
    expect(revoked.connection).toBe('revoked');
    const { token } = await fleet.owner.post<Enrolment>(`/clusters/${cluster.id}/enrolment`, {});
    const agent = await FakeAgent.enrol(hub, token);
    await agent.connect();
    expect((await fleet.shows(cluster.id, 'connected')).connectionMessage).toContain('connected since');
    await agent.close();
  });
});

describe('a cluster that has moved', () => {
  it('is in its new place by one confirmation, and what is left in the old one hears why it is out', async () => {
    const { cluster, agent } = await fleet.connected();
    const path = `/clusters/${cluster.id}/re-enrolment`;
    const confirm = (clusterUid: string) => fleet.owner.call<Problem>('POST', path, { clusterUid });
    expect((await confirm('new-place')).status).toBe(409);
    // The very identity, restored elsewhere.
    const copy = new FakeAgent(hub, { ...agent.identity, clusterUid: 'new-place' });
    await expect(copy.open()).rejects.toThrow('409');
    expect(agent.isOpen).toBe(true);
    const shown = await fleet.owner.get<Cluster>(`/clusters/${cluster.id}`);
    expect(shown).toMatchObject({ connection: 'connected', refusedCopy: { clusterUid: 'new-place' } });
    expect(shown.connectionMessage).toContain(
      `if the cluster has moved there: steward cluster re-enrol ${cluster.name}`,
    );
    expect((await confirm('somewhere-else')).status).toBe(409);

    expect((await confirm('new-place')).status).toBe(200);
    expect((await agent.ended).code).toBe(4409);
    await expect(agent.open()).rejects.toThrow(/409.*has moved, which was confirmed at .*remove this agent/s);
    await copy.connect();
    expect((await fleet.shows(cluster.id, 'connected')).connectionMessage).toContain('that it has moved from');
    // The answer may have been lost: the same again changes nothing.
    expect((await confirm('new-place')).status).toBe(200);
    expect(copy.isOpen).toBe(true);
    await copy.close();
  });
});

describe('the story of a cluster before it is connected', () => {
  it('waiting, fetched, enrolled, connected', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    expect(cluster).toMatchObject({ connection: 'waiting', customer: 'beta' });
    await fetchManifest(enrolment.token);
    const fetched = await fleet.shows(cluster.id, 'fetched');
    expect(fetched.connectionMessage).toMatch(/^manifest fetched \d\d:\d\d UTC, not enrolled: look at its pod/);
    const agent = await FakeAgent.enrol(hub, enrolment.token);
    await fleet.shows(cluster.id, 'enrolled');
    await agent.connect({ hello: { agentVersion: '9.9.9', kubernetesVersion: 'v1.99.0' } });
    const connected = await fleet.shows(cluster.id, 'connected');
    expect(connected).toMatchObject({ agentVersion: '9.9.9', kubernetesVersion: 'v1.99.0' });
    await agent.close();
  });

  it('goes stale and offline by when the agent was last heard, and its installations with it', async () => {
    const { cluster, agent } = await fleet.connected();
    const { installation } = await fleet.install(cluster.name);
    const feed = await openFeed(fleet.owner, '/feed');
    await agent.close();
    for (const [seconds, connection] of [
      [80, 'stale'],
      [200, 'offline'],
    ] as const) {
      await waitUntil(() => setLastSeen(cluster.id, seconds), { what: 'the end of the session is written' });
      await fleet.shows(cluster.id, connection);
    }
    const staleness = () =>
      feed.messages
        .filter(({ type, data }) => type === 'installation.changed' && (data as Installation).id === installation.id)
        .map(({ data }) => (data as Installation).isStale);
    await waitUntil(() => staleness().includes(true), { what: 'the feed tells that the installation is stale' });
    await agent.connect();
    await waitUntil(() => staleness().at(-1) === false, { what: 'the feed tells that it is back' });
    expect((await fleet.owner.get<Installation>(`/installations/${installation.id}`)).isStale).toBe(false);
    await feed.close();
  });

  it('can be deleted with what was planned for it, but not once it enrolled', async () => {
    const { cluster } = await fleet.cluster();
    const wanted = { name: unique('i'), cluster: cluster.name, service: 'nats' };
    const install = async () =>
      (await fleet.owner.call('POST', '/installations', wanted, { 'idempotency-key': wanted.name })).status;
    expect(await install()).toBe(201);
    expect((await fleet.owner.call('DELETE', `/clusters/${cluster.id}`)).status).toBe(204);
    expect((await fleet.owner.call('GET', `/clusters/${cluster.id}`)).status).toBe(404);
    // Nobody remembers what the same request has made.
    expect(await install()).toBe(404);
    await fleet.cluster({ name: cluster.name });
    expect(await install()).toBe(201);
    const { cluster: enrolled } = await fleet.connected();
    const answer = await fleet.owner.call<Problem>('DELETE', `/clusters/${enrolled.id}`);
    expect([answer.status, answer.body.action]).toEqual([409, 'revoke it instead']);
  });
});

describe('the manifest for curl', () => {
  it('is the agent with the token, the keys and the grants, and fetching it uses nothing up', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    await fleet.install(cluster.name, { name: 'orders' });
    expect(enrolment.command).toMatch(
      /^curl -sS -H 'Authorization: Bearer stw_e_\S+' http:\/\/\S+\/install\/v1\/agent \| kubectl apply --server-side -f -$/,
    );
    const [first, second] = [await fetchManifest(enrolment.token), await fetchManifest(enrolment.token)];
    expect(second.body).toBe(first.body);
    const objects = parseAllDocuments(String(first.body)).map(
      (document) => document.toJS() as { kind: string; metadata: { name: string } },
    );
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names).toEqual(
      expect.arrayContaining(['Namespace/steward-acme', 'Namespace/orders', 'Deployment/steward-agent']),
    );
    expect(String(first.body)).toContain(fleet.key.key.publicKey);
    expect(String(first.body)).toContain(enrolment.token);
    await FakeAgent.enrol(hub, enrolment.token);
    expect((await fetchManifest(enrolment.token)).status).toBe(200);
  });

  it('comes in parts for those who check each, without the token', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    await fleet.install(cluster.name, { name: 'orders' });
    const { body } = await fetchManifest(enrolment.token, 'application/json');
    const kit = body as InstallKit;
    expect(kit).toMatchObject({ organization: 'acme', cluster: cluster.name, releaseKeys: [fleet.key.key] });
    expect(kit.installations).toMatchObject([{ name: 'orders', service: 'nats', namespace: 'orders' }]);
    expect(JSON.stringify(kit)).not.toContain(enrolment.token);
  });

  it('has the grants of all installations, however many they are', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    const { installation } = await fleet.install(cluster.name, { name: 'orders' });
    await withClient(fleet.running.database.superuserUrl, (client) => client.query(MULTIPLY, [installation.id, 500]));
    const { body } = await fetchManifest(enrolment.token);
    expect(new Set(String(body).match(/^ {2}namespace: orders\S*$/gm)).size).toBe(501);
    const kit = compile(InstallKit)((await fetchManifest(enrolment.token, 'application/json')).body);
    expect(kit.ok && kit.value.installations.length).toBe(501);
  });

  it('is for a good enrolment token only', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    expect((await fetchManifest('stw_e_'.padEnd(49, 'x'))).status).toBe(401);
    expect((await fleet.owner.call('GET', '/install/v1/agent')).status).toBe(401);
    await expire(cluster.id);
    expect((await fetchManifest(enrolment.token)).status).toBe(403);
  });

  it('of one installation is its namespace and rights, for its own grant token only', async () => {
    const { cluster } = (await fleet.cluster()) satisfies CreatedCluster;
    const orders = await fleet.install(cluster.name, { name: 'orders' });
    const other = await fleet.install(cluster.name, { name: 'other' });
    const token = /Bearer (\S+)'/.exec(orders.grantCommand)?.[1] ?? '';
    const grant = (id: string) =>
      fleet.owner
        .as(undefined)
        .call<string>('GET', `/install/v1/grants/${id}`, undefined, { authorization: `Bearer ${token}` });
    const { status, body } = await grant(orders.installation.id);
    expect(status).toBe(200);
    const kinds = parseAllDocuments(body).map((document) => (document.toJS() as { kind: string }).kind);
    expect(kinds).toEqual(['Namespace', 'Role', 'RoleBinding']);
    expect((await grant(other.installation.id)).status).toBe(401);
  });

  it('pins the key of a hub that has an authority of its own', async () => {
    const secure = await startFleet({ tls: 'self' });
    const { enrolment } = await secure.cluster();
    expect(enrolment.command).toMatch(/^curl -sS -k --pinnedpubkey 'sha256\/\/[A-Za-z0-9+/]{43}=' -H/);
    const { body } = await secure.owner
      .as(undefined)
      .call<string>('GET', '/install/v1/agent', undefined, { authorization: `Bearer ${enrolment.token}` });
    expect(body).toContain('hub-ca.pem');
    await secure.end();
  });
});
