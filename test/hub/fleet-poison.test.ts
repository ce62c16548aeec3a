// @module-tag one-try
import type {
  Installation,
  InstallationEvent,
  InstallationHealth,
  OperationDetails,
  PageOf,
  Problem,
} from '@steward/shared';
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

const asSuperuser = (sql: string, values: unknown[] = []) =>
  withClient(fleet.running.database.superuserUrl, (client) => client.query(sql, values));

/** While the role by which the hub works across tenants lacks a right. */
async function without(right: string, work: () => Promise<void>): Promise<void> {
  const { rows } = await asSuperuser(
    `SELECT usename AS name FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'steward-system' LIMIT 1`,
  );
  const role = (rows as { name: string }[])[0]?.name ?? '';
  await asSuperuser(`REVOKE ${right} FROM ${role}`);
  try {
    await work();
  } finally {
    await asSuperuser(`GRANT ${right} TO ${role}`);
  }
}

const warnings = (text: string) => fleet.running.hub.logs.filter((line) => line.includes(text)).length;

it('a text that PostgreSQL does not take, as half an emoji, neither ends the session nor loses the record', async () => {
  const { cluster, agent } = await fleet.connected();
  const made = await fleet.install(cluster.name);
  const { id } = made.installation;
  await agent.waitFor('desired');
  const message = `killed by ${'🔥'.slice(0, 1)}, said \u0000 and ${String.raw`\u0000`}`;
  const health: InstallationHealth = {
    health: 'degraded',
    reasons: [{ code: 'Error', object: 'Pod/nats-0', message }],
    workloads: [],
    since: '2026-11-21T00:00:00Z',
  };
  agent.send({ t: 'health', b: { revision: 1, full: true, set: { [id]: health }, delete: [] } });
  agent.event({ installationId: id, message });
  agent.result(made.operation.id, { state: 'running', message });
  agent.result(made.operation.id, { state: 'failed', reason: 'crash-loop', message });
  await agent.acked();
  const stored = `killed by \uFFFD, said  and ${String.raw`\u0000`}`;
  expect(await fleet.owner.get<Installation>(`/installations/${id}`)).toMatchObject({
    health: 'degraded',
    reasons: [{ message: stored }],
  });
  expect(await fleet.owner.get<OperationDetails>(`/operations/${made.operation.id}`)).toMatchObject({
    state: 'failed',
    message: stored,
  });
  expect(await fleet.owner.get(`/installations/${id}/events`)).toMatchObject({ items: [{ message: stored }] });
  expect(agent.isOpen).toBe(true);
});

it('events of the agent itself are kept like others: in their order, the latest few hundred of each installation', async () => {
  const { cluster, agent } = await fleet.connected();
  const { installation } = await fleet.install(cluster.name);
  for (let n = 1; n <= 520; n += 1) agent.event({ kind: 'gap', lost: n });
  await agent.acked();
  const { items } = await fleet.owner.get<PageOf<InstallationEvent>>(`/installations/${installation.id}/events`);
  expect(items.map(({ lost }) => lost)).toEqual(Array.from({ length: 50 }, (_, n) => 520 - n));
  const found = await asSuperuser('SELECT count(*)::int AS count FROM installation_events WHERE installation_id = $1', [
    installation.id,
  ]);
  expect(found.rows).toEqual([{ count: 500 }]);
});

it('what could not be read for an agent is read again once per beat, and holds up neither the others nor a stop', async () => {
  const { cluster, agent } = await fleet.connected();
  const failures = () => warnings('intents could not be read');
  const before = failures();
  let operation = '';
  await without('SELECT ON services', async () => {
    operation = (await fleet.install(cluster.name)).operation.id;
    // The second failure is the first retry.
    await waitUntil(() => failures() >= before + 2, { what: 'two failed looks', timeoutMs: 20_000 });
    const started = Date.now();
    await waitUntil(() => failures() >= before + 3, { what: 'a third', timeoutMs: 20_000 });
    expect(Date.now() - started).toBeGreaterThan(2_000);
  });
  expect((await agent.waitFor('desired', () => true, 20_000)).b.operation.id).toBe(operation);
});

it('parameters are taken only as deep as a frame can bring them to the agent', async () => {
  const { cluster, agent } = await fleet.connected();
  const parameters = { type: 'object', additionalProperties: false, properties: { deep: { type: 'array' } } };
  await fleet.publish('2.0.0', { parameters });
  /** With that many levels, the parameters themselves among them. */
  const ofDepth = (levels: number) => ({
    deep: JSON.parse('['.repeat(levels - 1) + ']'.repeat(levels - 1)) as unknown,
  });
  const { installation } = await fleet.install(cluster.name, { version: '2.0.0', parameters: ofDepth(30) });
  expect((await agent.waitFor('desired')).b.parameters).toEqual(ofDepth(30));
  const upgrade = { kind: 'upgrade', version: '2.0.0', parameters: ofDepth(31) };
  const { status, body } = await fleet.owner.call<Problem>(
    'POST',
    `/installations/${installation.id}/operations`,
    upgrade,
  );
  expect([status, body.detail]).toEqual([422, 'the parameters are nested deeper than 30']);
  expect(agent.undecodable).toEqual([]);
});

it('an operation that is still queued has not been sent, so cancelling it is final', async () => {
  const { cluster, agent } = await fleet.connected();
  const before = warnings('intents could not be read');
  await without('INSERT ON operation_transitions', async () => {
    const { operation } = await fleet.install(cluster.name);
    await waitUntil(() => warnings('intents could not be read') > before, { what: 'it could not be offered' });
    expect(await fleet.owner.post(`/operations/${operation.id}/cancel`)).toMatchObject({ state: 'cancelled' });
  });
  agent.event();
  await agent.acked();
  expect(agent.frames.some(({ t }) => t === 'desired')).toBe(false);
});
