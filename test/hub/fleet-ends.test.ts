// @module-tag one-try
import type {
  Cluster,
  CreatedGrant,
  Installation,
  Operation,
  OperationDetails,
  OperationState,
  PageOf,
  RejectedRecord,
} from '@steward/shared';
import { parseAllDocuments } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FakeAgent } from '../support/fake-agent.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { releaseOf, startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish('1.0.0');
});
afterAll(() => fleet.end());

interface Offered {
  cluster: Cluster;
  agent: FakeAgent;
  installation: Installation;
  operation: string;
}

/** An installation whose install has been offered to the agent. */
async function offered(): Promise<Offered> {
  const { cluster, agent } = await fleet.connected();
  const made = await fleet.install(cluster.name, { version: '1.0.0' });
  await agent.waitFor('desired', ({ b }) => b.operation.id === made.operation.id);
  return { cluster, agent, installation: made.installation, operation: made.operation.id };
}

const details = (id: string) => fleet.owner.get<OperationDetails>(`/operations/${id}`);
const installation = (id: string) => fleet.owner.get<Installation>(`/installations/${id}`);
const rejectedOf = async (clusterId: string) =>
  (await fleet.owner.get<PageOf<RejectedRecord>>(`/clusters/${clusterId}/rejected-records`)).items;
const push = (id: string, body: unknown) =>
  fleet.owner.call<Operation>('POST', `/installations/${id}/operations`, body);

describe('an operation that is under way', () => {
  it('is an uninstall, and is to be stopped: only an agent that can is asked', async () => {
    const { agent, operation, installation: target } = await offered();
    await agent.carryOut(operation);
    const removal = (await push(target.id, { kind: 'uninstall' })).body.id;
    await agent.waitFor('desired', ({ b }) => b.operation.id === removal);
    agent.result(removal, { state: 'running', phase: 'pre-hooks' });
    await agent.acked();
    const stop = () => fleet.owner.call<Operation>('POST', `/operations/${removal}/cancel`, { ifUnderWay: 'hold' });
    await agent.close();
    await agent.connect({ hello: { features: [], unfinishedOperations: [removal] } });
    const refused = await stop();
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('is too old to stop an') } });
    await agent.close();
    await agent.connect({ hello: { unfinishedOperations: [removal] } });
    expect(agent.frames.filter(({ t }) => t === 'operation.cancel')).toEqual([]);
    expect((await stop()).status).toBe(200);
    await agent.waitFor('operation.cancel', ({ b }) => b.operationId === removal);
  });

  it('is given up by its cancellation only while the cluster is offline, and what the agent tells later counts', async () => {
    const { cluster, agent, operation, installation: target } = await offered();
    await agent.carryOut(operation, ['accepted', 'running']);
    expect((await fleet.owner.post<Operation>(`/operations/${operation}/cancel`)).state).toBe('running');
    await agent.kill();
    await waitUntil(async () => (await silentFor(cluster.id, '1 hour')) === 1, { what: 'the session has ended' });
    const given = await fleet.owner.post<Operation>(`/operations/${operation}/cancel`);
    expect(given).toMatchObject({ state: 'unknown', reasonCode: 'lost-track' });
    expect((await installation(target.id)).currentOperation).toBeUndefined();
    expect((await push(target.id, { kind: 'uninstall' })).status).toBe(201);
    await agent.connect({ hello: { unfinishedOperations: [operation] } });
    await agent.waitFor('operation.cancel', ({ b }) => b.operationId === operation);
    await agent.carryOut(operation, ['running', 'rolled-back']);
    expect((await details(operation)).state).toBe('rolled-back');
  });

  /** @returns how many clusters without a session were made to look so */
  function silentFor(clusterId: string, interval: string): Promise<number | null> {
    const sql = `UPDATE clusters SET last_seen_at = now() - $2::interval WHERE id = $1 AND session_replica IS NULL`;
    return withClient(
      fleet.running.database.superuserUrl,
      async (client) => (await client.query(sql, [clusterId, interval])).rowCount,
    );
  }
});

describe('an upgrade of which nobody knows what became', () => {
  /** Pushes it, and lets the agent tell this of it; `toGeneration` is what the agent was sent. */
  async function told({ agent, installation: { id } }: Offered, body: unknown, states: OperationState[]) {
    const { body: operation } = await push(id, body);
    const { b } = await agent.waitFor('desired', (frame) => frame.b.operation.id === operation.id);
    await agent.carryOut(operation.id, states);
    return { id: operation.id, toGeneration: b.operation.toGeneration };
  }

  it('is gone back from to what ran before it, also after that was rejected', async () => {
    const running = await offered();
    await running.agent.carryOut(running.operation);
    const upgrade = { kind: 'upgrade', version: '1.0.0' };
    await told(running, { ...upgrade, parameters: { replicas: 2 } }, ['accepted', 'running', 'succeeded']);
    const lost = await told(running, { ...upgrade, parameters: { replicas: 3 } }, ['accepted', 'running', 'running']);
    running.agent.result(lost.id, { state: 'failed', revision: 1, reason: 'superseded' });
    await running.agent.acked();
    expect((await details(lost.id)).state).toBe('unknown');
    expect(await told(running, { kind: 'rollback' }, ['denied'])).toMatchObject({ toGeneration: 2 });
    expect(await told(running, { kind: 'rollback' }, ['denied'])).toMatchObject({ toGeneration: 2 });
    // One that went back says what runs: from there it goes one further.
    await told(running, { ...upgrade, parameters: { replicas: 4 } }, ['accepted', 'running', 'rolled-back']);
    expect(await told(running, { kind: 'rollback' }, ['denied'])).toMatchObject({ toGeneration: 1 });
  });
});

describe('results of an agent', () => {
  it('end an operation however long its story was: of very many the end and the latest are kept', async () => {
    const { cluster, agent, operation } = await offered();
    for (let n = 0; n < 510; n += 1) agent.result(operation, { state: 'running', message: `round ${n}` });
    agent.result(operation, { state: 'failed', reason: 'rollout-deadline', message: 'not ready in time' });
    await agent.acked();
    const found = await details(operation);
    expect(found).toMatchObject({ state: 'failed', reasonCode: 'rollout-deadline' });
    expect(found.transitions.at(-1)).toMatchObject({ revision: 511, state: 'failed' });
    expect(found.transitions.at(-2)?.revision).toBe(500);
    expect(await rejectedOf(cluster.id)).toEqual([]);
  });

  it('that count from one again, when the agent lost its own, end an operation all the same', async () => {
    const { agent, operation, installation: target } = await offered();
    await agent.carryOut(operation, ['accepted', 'running', 'running', 'running']);
    for (const state of ['accepted', 'running', 'succeeded'] as const)
      agent.result(operation, { state, revision: ['accepted', 'running', 'succeeded'].indexOf(state) + 1 });
    await agent.acked();
    expect((await details(operation)).state).toBe('succeeded');
    expect((await installation(target.id)).currentOperation).toBeUndefined();
  });

  it('that turn down what was under way end it as unknown, once', async () => {
    const { agent, cluster, operation, installation: target } = await offered();
    await agent.carryOut(operation, ['accepted', 'running', 'running']);
    for (const state of ['failed', 'expired'] as const) {
      agent.result(operation, { state, revision: 1, reason: 'superseded', message: 'nothing goes backwards' });
      await agent.acked();
    }
    const found = await details(operation);
    expect(found).toMatchObject({ state: 'unknown', reasonCode: 'lost-track' });
    expect(found.message).toContain('nothing goes backwards');
    expect(found.finishedAt).toBeDefined();
    expect(found.transitions.filter(({ state }) => state === 'unknown')).toHaveLength(1);
    expect(await rejectedOf(cluster.id)).toEqual([]);
    expect((await push(target.id, { kind: 'uninstall' })).status).toBe(201);
  });
});

interface Role {
  kind: string;
  rules?: { resources: string[] }[];
}

describe('the grant of an installation', () => {
  it('has the rights of what a version may have left too, not of one that was gone back from or never began', async () => {
    const { cluster, agent } = await fleet.connected();
    const ends: [resource: string, states: OperationState[]][] = [
      ['replaced', ['accepted', 'running', 'failed']],
      ['good', ['accepted', 'running', 'succeeded']],
      ['left', ['accepted', 'running', 'failed']],
      ['refused', ['accepted', 'failed']],
      ['back', ['accepted', 'running', 'rolled-back']],
      ['held', ['accepted', 'running', 'cancelled']],
      ['wanted', ['accepted']],
    ];
    let id: string | undefined;
    for (const [index, [resource, states]] of ends.entries()) {
      const version = `2.${index}.0`;
      const { permissions } = releaseOf(version, fleet.chart, 0);
      await fleet.publish(version, { permissions: permissions.map((one) => ({ ...one, resource })) });
      const installed = id === undefined ? await fleet.install(cluster.name, { version }) : undefined;
      id ??= installed?.installation.id ?? '';
      const { operation } = installed ?? { operation: (await push(id, { kind: 'upgrade', version })).body };
      await agent.waitFor('desired', ({ b }) => b.operation.id === operation.id);
      await agent.carryOut(operation.id, states);
    }
    const { command } = await fleet.owner.post<CreatedGrant>(`/installations/${id}/grant`, {});
    const [, token = '', path = ''] = /Bearer (\S+)' https?:\/\/[^/]+(\S+)/.exec(command) ?? [];
    const headers = { authorization: `Bearer ${token}` };
    const { body } = await fleet.owner.as(undefined).call<string>('GET', path, undefined, headers);
    const objects = parseAllDocuments(body).map((document) => document.toJS() as Role);
    const granted = new Set(objects.flatMap(({ rules = [] }) => rules.flatMap(({ resources }) => resources)));
    expect(ends.map(([resource]) => resource).filter((resource) => granted.has(resource))).toEqual([
      'good',
      'left',
      'held',
      'wanted',
    ]);
  });
});
