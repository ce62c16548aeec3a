// @module-tag one-try
import type {
  ApiToken,
  Cluster,
  CreatedApiToken,
  CreatedInstallation,
  Installation,
  Operation,
  OperationState,
  Problem,
} from '@steward/shared';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api, ApiAnswer } from '../support/api.ts';
import { FakeAgent } from '../support/fake-agent.ts';
import { openFeed, type OpenFeed } from '../support/feed.ts';
import * as held from '../support/held-rows.ts';
import { hubAddress } from '../support/hub-address.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, unique, type Fleet } from './fleet/world.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish('1.0.0');
  await fleet.publish('1.1.0');
});
afterAll(() => fleet.end());

interface Running {
  cluster: Cluster;
  agent: FakeAgent;
  id: string;
}

/** Version 1.0.0 runs well at generation 1. */
async function installed(): Promise<Running> {
  const { cluster, agent } = await fleet.connected();
  const installing = await fleet.install(cluster.name, { version: '1.0.0' });
  const running = { cluster, agent, id: installing.installation.id };
  await agent.waitFor('desired');
  await agent.carryOut(installing.operation.id);
  observed(running, '1.0.0', 1);
  // Else the report's own statement is among those that wait for a lock.
  await waitUntil(async () => (await installation(running.id)).observedGeneration === 1, {
    what: 'the report is taken',
  });
  return running;
}

function observed({ agent, id }: Running, version: string, generation: number): void {
  const seen = { generation, observedGeneration: generation, version, state: 'running' as const };
  agent.send({ t: 'observed', b: { revision: generation, full: true, set: { [id]: seen }, delete: [] } });
}

const installation = (id: string) => fleet.owner.get<Installation>(`/installations/${id}`);
const operation = (id: string) => fleet.owner.get<Operation>(`/operations/${id}`);

function push(id: string, body: unknown, key?: string): Promise<ApiAnswer<Operation>> {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  return fleet.owner.call<Operation>('POST', `/installations/${id}/operations`, body, headers);
}

function problemOf({ status, body }: ApiAnswer<unknown>): string {
  return `${status} ${(body as Partial<Problem>).type?.split('/').at(-1) ?? ''}`;
}

function inTransaction<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  return held.inTransaction(fleet.running.database.superuserUrl, work);
}

describe('two at once', () => {
  it('that push to one installation: one is first, the other is told so', async () => {
    const { id } = await installed();
    const { pushed } = await inTransaction(async (client) => {
      await client.query('SELECT 1 FROM installations WHERE id = $1 FOR UPDATE', [id]);
      const both = [push(id, { kind: 'uninstall' }), push(id, { kind: 'uninstall', deleteVolumes: true })];
      await held.waiting(client, 2);
      return { pushed: both };
    });
    const told = (await Promise.all(pushed)).map(problemOf);
    expect(told.sort()).toEqual(['201 ', '409 conflict']);
    expect((await installation(id)).generation).toBe(2);
  });

  it('an agent that enrols and a person who revokes never wait for each other', async () => {
    const { cluster, enrolment } = await fleet.cluster();
    const { enrolling } = await inTransaction(async (client) => {
      await client.query('SELECT 1 FROM clusters WHERE id = $1 FOR UPDATE', [cluster.id]);
      const enrols = FakeAgent.enrol(hubAddress(fleet.running.hub.url), enrolment.token);
      await held.waiting(client, 1);
      // What revoking does next. Were the token held by the one who waits for us, this would be a deadlock.
      await client.query(`SET LOCAL lock_timeout = '500ms'`);
      await client.query('UPDATE enrolment_tokens SET replaced_at = NULL WHERE cluster_id = $1', [cluster.id]);
      return { enrolling: enrols };
    });
    expect((await enrolling).identity.clusterId).toBe(cluster.id);
  });

  it('an uninstall that the agent had begun wins over the upgrade that took its place', async () => {
    const { cluster, agent, id } = await installed();
    const { name } = await installation(id);
    const uninstall = (await push(id, { kind: 'uninstall' })).body;
    await agent.waitFor('desired', ({ b }) => b.operation.id === uninstall.id);
    const upgrade = (await push(id, { kind: 'upgrade', version: '1.1.0' })).body;
    await agent.waitFor('desired', ({ b }) => b.operation.id === upgrade.id);
    expect((await operation(uninstall.id)).reasonCode).toBe('superseded');
    await agent.carryOut(uninstall.id);
    agent.result(upgrade.id, { state: 'failed', reason: 'conflict', message: 'it was removed' });
    await agent.acked();
    expect(await operation(uninstall.id)).toMatchObject({ state: 'succeeded' });
    expect(await operation(upgrade.id)).toMatchObject({ state: 'failed', reasonCode: 'conflict' });
    expect((await installation(id)).state).toBe('removed');
    expect(problemOf(await push(id, { kind: 'upgrade', version: '1.1.0' }))).toBe('404 not-found');
    expect((await fleet.install(cluster.name, { name })).installation.id).not.toBe(id);
  });
});

describe('an Idempotency-Key', () => {
  async function customerWithToken(): Promise<{ api: Api; cluster: string }> {
    const slug = unique('k');
    await fleet.owner.post('/customers', { slug, name: slug });
    const { token } = await fleet.owner.post<CreatedApiToken & ApiToken>('/tokens', {
      name: 'ci',
      role: 'customer-admin',
      customer: slug,
    });
    const { cluster } = await fleet.cluster({ customer: slug });
    return { api: fleet.owner.as(token), cluster: cluster.name };
  }

  it('of one customer does not meet the same key of another whose token has the same name', async () => {
    const made: string[] = [];
    for (const { api, cluster } of [await customerWithToken(), await customerWithToken()]) {
      const wanted = { name: 'nats', cluster, service: 'nats', version: '1.0.0' };
      const call = () =>
        api.call<CreatedInstallation>('POST', '/installations', wanted, { 'idempotency-key': 'deploy-1' });
      const [first, again] = [await call(), await call()];
      expect([first.status, again.body.installation.id]).toEqual([201, first.body.installation.id]);
      made.push(first.body.installation.id);
    }
    expect(new Set(made).size).toBe(2);
  });

  it('answers with what was made, though by now it would be refused', async () => {
    const { cluster, agent, id } = await installed();
    await fleet.publish('2.0.0', { upgrade: { deadlineSeconds: 600, settleSeconds: 5, from: '1.x' } });
    const wanted = { kind: 'upgrade', version: '2.0.0' };
    const first = await push(id, wanted, 'to-two');
    await agent.waitFor('desired', ({ b }) => b.operation.id === first.body.id);
    await agent.carryOut(first.body.id);
    observed({ cluster, agent, id }, '2.0.0', 2);
    await waitUntil(async () => (await installation(id)).runningVersion === '2.0.0', { what: '2.0.0 runs' });
    // What runs may be pushed again, though it does not name itself among those it upgrades from.
    expect(problemOf(await push(id, wanted, 'another'))).toBe('201 ');
    expect((await push(id, wanted, 'to-two')).body.id).toBe(first.body.id);
    const create = { name: unique('i'), cluster: cluster.name, service: 'nats', version: '1.0.0' };
    const make = () =>
      fleet.owner.call<CreatedInstallation>('POST', '/installations', create, { 'idempotency-key': create.name });
    const made = await make();
    await fleet.owner.post(`/clusters/${cluster.id}/revoke`);
    expect((await make()).body.installation.id).toBe(made.body.installation.id);
  });
});

describe('an operation that the hub ends', () => {
  /** Of that generation: a feed that is opened now may begin a moment earlier. */
  async function freed(feed: OpenFeed, id: string, generation: number): Promise<void> {
    await waitUntil(
      () =>
        feed.messages.some(
          ({ type, data: told }) =>
            type === 'installation.changed' &&
            (told as Installation).id === id &&
            (told as Installation).generation === generation &&
            (told as Installation).currentOperation === undefined,
        ),
      { what: 'the feed tells that nothing is under way', timeoutMs: 15_000 },
    );
  }

  it('because it was cancelled before it was sent: the feed tells of the installation too', async () => {
    const { cluster } = await fleet.cluster();
    const feed = await openFeed(fleet.owner, '/feed');
    const made = await fleet.install(cluster.name);
    await fleet.owner.post(`/operations/${made.operation.id}/cancel`);
    await freed(feed, made.installation.id, 1);
    await feed.close();
  });

  it('because nobody started it in time: the same, and what the agent tells later still counts', async () => {
    const { agent, id } = await installed();
    const { body } = await push(id, { kind: 'upgrade', version: '1.1.0' });
    await agent.waitFor('desired', ({ b }) => b.operation.id === body.id);
    const feed = await openFeed(fleet.owner, '/feed');
    await inTransaction((client) =>
      client.query(`UPDATE operations SET not_after = now() - interval '1 second' WHERE id = $1`, [body.id]),
    );
    await freed(feed, id, body.generation);
    expect(await operation(body.id)).toMatchObject({ state: 'expired', reasonCode: 'expired' });
    agent.result(body.id, { state: 'running' });
    await agent.acked();
    expect(await operation(body.id)).toMatchObject({ state: 'running' });
    expect((await installation(id)).currentOperation).toBe(body.id);
    expect(problemOf(await push(id, { kind: 'uninstall' }))).toBe('409 operation-in-progress');
    await agent.carryOut(body.id, ['succeeded']);
    expect(await operation(body.id)).toMatchObject({ state: 'succeeded' });
    await feed.close();
  });
});

describe('an end that is told before what runs, as after a reconnect', () => {
  /** Without a report. */
  async function carriedOut({ agent, id }: Running, version: string, end: OperationState = 'succeeded'): Promise<void> {
    const { body } = await push(id, { kind: 'upgrade', version });
    await agent.waitFor('desired', ({ b }) => b.operation.id === body.id);
    await agent.carryOut(body.id, ['accepted', 'running', end]);
  }

  it('says what runs when it is good: a restart at once is not one of the version before', async () => {
    const running = await installed();
    await carriedOut(running, '1.1.0');
    expect(await installation(running.id)).toMatchObject({ observedGeneration: 2, runningVersion: '1.1.0' });
    expect((await push(running.id, { kind: 'restart' })).body.version).toBe('1.1.0');
  });

  it('is what a rollback goes back from', async () => {
    const running = await installed();
    await carriedOut(running, '1.1.0');
    expect((await push(running.id, { kind: 'rollback' })).body.version).toBe('1.0.0');
  });

  it('ends with what was said of a failure before it', async () => {
    const running = await installed();
    const seen = { generation: 1, observedGeneration: 1, state: 'failed' as const, message: 'half of it runs' };
    running.agent.send({ t: 'observed', b: { revision: 2, full: true, set: { [running.id]: seen }, delete: [] } });
    await waitUntil(async () => (await installation(running.id)).state === 'failed', { what: 'the report is taken' });
    await carriedOut(running, '1.1.0');
    const { state, message } = await installation(running.id);
    expect([state, message]).toEqual(['running', undefined]);
  });

  it('says nothing when it is not good: what ran before is what a restart is for', async () => {
    const running = await installed();
    await carriedOut(running, '1.1.0', 'rolled-back');
    expect(await installation(running.id)).toMatchObject({ observedGeneration: 1, runningVersion: '1.0.0' });
    expect((await push(running.id, { kind: 'restart' })).body.version).toBe('1.0.0');
  });

  it('takes nothing back when it comes after that of a newer one', async () => {
    const running = await installed();
    const { agent, id } = running;
    const older = (await push(id, { kind: 'upgrade', version: '1.0.0', parameters: { replicas: 2 } })).body;
    await agent.waitFor('desired', ({ b }) => b.operation.id === older.id);
    await carriedOut(running, '1.1.0');
    await agent.carryOut(older.id);
    expect((await operation(older.id)).state).toBe('succeeded');
    expect(await installation(id)).toMatchObject({ observedGeneration: 3, runningVersion: '1.1.0' });
  });
});

describe('a push', () => {
  it('that was thought out by what no longer runs when it is written is refused', async () => {
    const { id } = await installed();
    const { pushed } = await inTransaction(async (client) => {
      await client.query('SELECT 1 FROM installations WHERE id = $1 FOR UPDATE', [id]);
      const restart = push(id, { kind: 'restart' });
      await held.waiting(client, 1);
      await client.query('UPDATE installations SET observed_generation = 0 WHERE id = $1', [id]);
      return { pushed: restart };
    });
    expect(problemOf(await pushed)).toBe('409 conflict');
  });

  describe('that finds another state when it is written', () => {
    /** Pushes it, and lets this happen between what it read and what it writes. */
    async function meanwhile(id: string, body: unknown, sql: string): Promise<string> {
      const { pushed } = await inTransaction(async (client) => {
        await client.query('SELECT 1 FROM installations WHERE id = $1 FOR UPDATE', [id]);
        const pushing = push(id, body);
        await held.waiting(client, 1);
        await client.query(sql, [id]);
        return { pushed: pushing };
      });
      return problemOf(await pushed);
    }

    it('as after an upgrade that failed and is left as it is, is refused', async () => {
      const { id } = await installed();
      const failed = `UPDATE installations SET state = 'failed' WHERE id = $1`;
      expect(await meanwhile(id, { kind: 'restart' }, failed)).toBe('409 conflict');
    });

    it('as what it follows has ended, is refused: its parameters may be of what never ran', async () => {
      const { agent, id } = await installed();
      const upgrade = (await push(id, { kind: 'upgrade', version: '1.1.0', parameters: { replicas: 2 } })).body;
      await agent.waitFor('desired', ({ b }) => b.operation.id === upgrade.id);
      const denied = `UPDATE operations SET state = 'denied', finished_at = now() WHERE installation_id = $1 AND finished_at IS NULL`;
      expect(await meanwhile(id, { kind: 'upgrade', version: '1.0.0' }, denied)).toBe('409 conflict');
    });

    it('but only another health, is taken', async () => {
      const { id } = await installed();
      const degraded = `UPDATE installations SET health = 'degraded', health_since = now() WHERE id = $1`;
      expect(await meanwhile(id, { kind: 'restart' }, degraded)).toBe('201 ');
    });
  });

  it('of parameters alone asks which version is meant, when the last change of it came to nothing', async () => {
    const { agent, id } = await installed();
    const { body } = await push(id, { kind: 'upgrade', version: '1.1.0' });
    await agent.waitFor('desired', ({ b }) => b.operation.id === body.id);
    await agent.carryOut(body.id, ['cancelled']);
    await waitUntil(async () => (await installation(id)).runningVersion === '1.0.0', { what: '1.0.0 runs' });
    const parameters = { replicas: 2 };
    expect(problemOf(await push(id, { kind: 'upgrade', parameters }))).toBe('409 conflict');
    expect((await push(id, { kind: 'upgrade', version: '1.0.0', parameters })).body.version).toBe('1.0.0');
  });

  it('to a cluster that was revoked is refused', async () => {
    const { cluster, id } = await installed();
    await fleet.owner.post(`/clusters/${cluster.id}/revoke`);
    expect(problemOf(await push(id, { kind: 'upgrade', version: '1.1.0' }))).toBe('403 cluster-revoked');
  });

  it.each([
    { kind: 'rollback', toGeneration: 3_000_000_000 },
    { kind: 'uninstall', notAfterSeconds: 1e14 },
  ])('with a number that no column holds is the mistake of the caller: %o', async (wanted) => {
    const { id } = await installed();
    expect(problemOf(await push(id, wanted))).toBe('400 invalid-request');
  });
});
