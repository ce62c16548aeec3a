// @module-tag one-try
import { randomUUID } from 'node:crypto';
import type {
  Cluster,
  Installation,
  InstallationHealth,
  Operation,
  OperationDetails,
  PageOf,
  RejectedRecord,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FakeAgent } from '../support/fake-agent.ts';
import { openFeed } from '../support/feed.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

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
  installation: Installation;
  operation: string;
}

/** An installation whose install has been offered to the agent. */
async function offered(): Promise<Running> {
  const { cluster, agent } = await fleet.connected();
  const made = await fleet.install(cluster.name, { version: '1.0.0' });
  await agent.waitFor('desired', ({ b }) => b.operation.id === made.operation.id);
  return { cluster, agent, installation: made.installation, operation: made.operation.id };
}

/** One that runs well at generation 1. */
async function installed(): Promise<Running> {
  const running = await offered();
  await running.agent.carryOut(running.operation);
  return running;
}

const details = (id: string) => fleet.owner.get<OperationDetails>(`/operations/${id}`);
const installation = (id: string) => fleet.owner.get<Installation>(`/installations/${id}`);
const rejectedOf = async (clusterId: string) =>
  (await fleet.owner.get<PageOf<RejectedRecord>>(`/clusters/${clusterId}/rejected-records`)).items;

function push(installationId: string, body: unknown, headers: Record<string, string> = {}) {
  return fleet.owner.call<Operation>('POST', `/installations/${installationId}/operations`, body, headers);
}

describe('an operation', () => {
  it('reaches the agent at once, and what the agent tells of it is in the feed', async () => {
    const { cluster, agent } = await fleet.connected();
    const feed = await openFeed(fleet.owner, '/feed');
    const made = await fleet.install(cluster.name, { version: '1.0.0', parameters: { replicas: 3 } });
    const { b, tp } = await agent.waitFor('desired');
    expect(b).toMatchObject({
      generation: 1,
      action: 'run',
      parameters: { replicas: 3 },
      operation: { kind: 'install' },
    });
    expect(tp).toContain((await details(made.operation.id)).traceId);
    await agent.carryOut(made.operation.id);
    const told = await waitUntil(
      () => {
        const states = feed.messages
          .filter(({ type }) => type === 'operation.changed')
          .map(({ data }) => (data as { operation: Operation }).operation)
          .filter(({ id }) => id === made.operation.id)
          .map(({ state }) => state);
        return states.includes('succeeded') ? states : undefined;
      },
      { what: 'the end is in the feed' },
    );
    expect(told).toEqual(['queued', 'offered', 'accepted', 'running', 'succeeded']);
    expect((await installation(made.installation.id)).currentOperation).toBeUndefined();
    expect(agent.undecodable).toEqual([]);
    await feed.close();
  });

  it('is offered to an agent that connects later, and again until it has ended', async () => {
    const { cluster, agent } = await fleet.connected();
    await agent.close();
    const made = await fleet.install(cluster.name);
    await agent.connect();
    expect((await agent.waitFor('desired')).b.operation.id).toBe(made.operation.id);
    agent.result(made.operation.id, { state: 'accepted' });
    await agent.acked();
    await agent.kill();
    await agent.connect();
    expect((await agent.waitFor('desired')).b.operation.id).toBe(made.operation.id);
    await agent.carryOut(made.operation.id, ['running', 'succeeded']);
    await agent.close();
    await agent.connect();
    agent.event();
    await agent.acked();
    expect(agent.frames.some(({ t }) => t === 'desired')).toBe(false);
  });

  const lifeSeconds = async (id: string): Promise<number> => {
    const { createdAt, notAfter } = await details(id);
    return Math.round((Date.parse(notAfter) - Date.parse(createdAt)) / 1_000);
  };

  it('may wait to be started for a day, an install as long as the token of its line, and any as long as was asked', async () => {
    const { installation: made, operation } = await installed();
    const upgrade = await push(made.id, { kind: 'upgrade', version: '1.1.0' });
    const urgent = await push(made.id, { kind: 'upgrade', version: '1.1.0', notAfterSeconds: 600 });
    const lives = await Promise.all([operation, upgrade.body.id, urgent.body.id].map(lifeSeconds));
    expect(lives).toEqual([604_800, 86_400, 600]);
  });

  it('may wait for that line as long as an install when it is an adoption, or corrects what has never run', async () => {
    const { cluster, agent, installation: made } = await offered();
    const corrected = await push(made.id, { kind: 'upgrade', version: '1.1.0', parameters: { replicas: 3 } });
    const removal = await push(made.id, { kind: 'uninstall' });
    const { operation, installation: old } = await fleet.install(cluster.name, { adopt: { acceptDifferences: false } });
    await agent.waitFor('desired', ({ b }) => b.operation.id === operation.id);
    const again = await push(old.id, { kind: 'adopt', acceptDifferences: true });
    const ids = [corrected.body.id, removal.body.id, operation.id, again.body.id];
    expect(await Promise.all(ids.map(lifeSeconds))).toEqual([604_800, 86_400, 604_800, 604_800]);
  });

  it('is refused for a namespace in which nobody should grant rights', async () => {
    const cluster = await fleet.cluster();
    for (const namespace of ['kube-system', 'steward-acme'])
      expect(
        await fleet.owner.call('POST', '/installations', {
          name: 'nats',
          cluster: cluster.cluster.name,
          service: 'nats',
          namespace,
        }),
      ).toMatchObject({ status: 400, body: { detail: expect.stringContaining(namespace) } });
  });

  it('keeps plan, reason and the agent’s story', async () => {
    const { agent, operation } = await offered();
    const plan = { digest: `sha256:${'a'.repeat(64)}`, summary: 'creates 3', changes: [] };
    agent.result(operation, { state: 'awaiting-approval', phase: 'approve', plan, message: 'waits for approval' });
    agent.result(operation, { state: 'running', phase: 'roll-out', progress: { done: 1, total: 3 } });
    agent.result(operation, { state: 'failed', reason: 'crash-loop', message: 'nats-0 crashes' });
    await agent.acked();
    const found = await details(operation);
    expect(found).toMatchObject({
      state: 'failed',
      phase: 'done',
      reasonCode: 'crash-loop',
      message: 'nats-0 crashes',
      plan,
    });
    expect(found.transitions.at(-2)).toMatchObject({ revision: 2, progress: { done: 1, total: 3 } });
    expect(found.finishedAt).toBeDefined();
  });

  it('that was cancelled while queued never reaches the agent; one that was offered is cancelled by the agent', async () => {
    const { cluster, agent, operation } = await offered();
    expect((await fleet.owner.call('POST', `/operations/${operation}/cancel`)).status).toBe(200);
    expect((await agent.waitFor('operation.cancel')).b.operationId).toBe(operation);
    agent.result(operation, { state: 'cancelled', reason: 'cancelled' });
    await agent.acked();
    expect((await details(operation)).state).toBe('cancelled');
    await agent.close();
    const made = await fleet.install(cluster.name);
    await fleet.owner.post(`/operations/${made.operation.id}/cancel`);
    await agent.connect();
    agent.event();
    await agent.acked();
    expect(agent.frames.some(({ t }) => t === 'desired')).toBe(false);
  });

  it('under way is stopped as was asked for last, also when that was asked for once before', async () => {
    const { agent, operation } = await offered();
    agent.result(operation, { state: 'running', phase: 'roll-out' });
    await agent.acked();
    const told = () => agent.frames.flatMap((frame) => (frame.t === 'operation.cancel' ? [frame.b.ifUnderWay] : []));
    const asked = ['hold', 'roll-back', 'hold'] as const;
    for (const [at, ifUnderWay] of asked.entries()) {
      await fleet.owner.post(`/operations/${operation}/cancel`, { ifUnderWay });
      await waitUntil(() => told().length > at, { what: `the agent hears ${ifUnderWay}` });
    }
    expect(told()).toEqual(asked);
  });

  it('gives way to a newer one before it starts, and the agent’s word still counts when it had started after all', async () => {
    const { agent, installation: target, operation } = await offered();
    const newer = await push(target.id, { kind: 'upgrade', version: '1.1.0' });
    expect(newer.status).toBe(201);
    expect(await details(operation)).toMatchObject({ state: 'cancelled', reasonCode: 'superseded' });
    await agent.waitFor('desired', ({ b }) => b.generation === 2);
    await agent.carryOut(operation, ['running', 'succeeded']);
    expect((await details(operation)).state).toBe('succeeded');
    await agent.carryOut(newer.body.id);
    expect((await details(newer.body.id)).state).toBe('succeeded');
  });

  it('waits for no other installation of the cluster', async () => {
    const { cluster, agent, operation } = await offered();
    agent.result(operation, { state: 'running' });
    const second = await fleet.install(cluster.name);
    await agent.waitFor('desired', ({ b }) => b.operation.id === second.operation.id);
    await agent.carryOut(second.operation.id);
    expect((await details(operation)).state).toBe('running');
    const sent = agent.frames.filter((frame) => frame.t === 'desired' && frame.b.operation.id === operation);
    expect(sent).toHaveLength(1);
  });

  it('uninstalls: the installation is removed and its name is free', async () => {
    const { cluster, agent, installation: target } = await installed();
    const { body } = await push(target.id, { kind: 'uninstall' });
    const { b } = await agent.waitFor('desired', (frame) => frame.b.operation.id === body.id);
    expect(b).toMatchObject({ action: 'remove', deleteVolumes: false, generation: 2 });
    await agent.carryOut(body.id);
    expect((await installation(target.id)).state).toBe('removed');
    expect((await fleet.install(cluster.name, { name: target.name })).installation.generation).toBe(1);
  });
});

describe('records of an agent', () => {
  it('are stored once, though they come again on the same stream, another one, or a new session', async () => {
    const { agent, operation } = await offered();
    const frame = agent.result(operation, { state: 'accepted' });
    await agent.acked();
    agent.send(frame);
    agent.send(frame);
    agent.restart();
    await agent.kill();
    await agent.connect();
    agent.result(operation, { state: 'accepted', revision: 1 });
    await agent.carryOut(operation, ['running', 'succeeded']);
    const revisions = (await details(operation)).transitions.map(({ revision }) => revision).filter((n) => n > 0);
    expect(revisions).toEqual([1, 2, 3]);
  });

  it('behind a hole are not taken: the ack says from where to send again', async () => {
    const { agent, operation } = await offered();
    const [first, second, third] = (['accepted', 'running', 'succeeded'] as const).map((state, index) => ({
      t: 'result' as const,
      ...agent.streams.next('results'),
      b: {
        operationId: operation,
        installationId: agent.frames.find((frame) => frame.t === 'desired')?.b.installationId ?? '',
        revision: index + 1,
        state,
        phase: 'apply' as const,
        message: '',
        at: new Date().toISOString(),
      },
    }));
    if (!first || !second || !third) throw new Error('three frames');
    agent.send(first);
    agent.send(third);
    await waitUntil(() => agent.frames.filter(({ t }) => t === 'ack').length >= 1, { what: 'acks' });
    agent.sendRaw('{"t":"later.thing","b":{}}');
    await agent.waitFor('error');
    const acks = agent.frames.flatMap((frame) => (frame.t === 'ack' ? [frame.b.upTo] : []));
    expect(acks.at(-1)).toBe(1);
    expect((await details(operation)).state).toBe('accepted');
    agent.send(second);
    agent.send(third);
    await agent.waitFor('ack', ({ b }) => b.upTo === 3);
    expect((await details(operation)).state).toBe('succeeded');
  });

  it('that cannot be taken are set aside, shown, counted and acked, and the ones behind them go on', async () => {
    const { cluster, agent, operation, installation: target } = await offered();
    const poison = (body: unknown) =>
      agent.sendRaw(JSON.stringify({ t: 'result', ...agent.streams.next('results'), b: body }));
    const good = {
      operationId: operation,
      installationId: target.id,
      revision: 1,
      state: 'accepted',
      phase: 'apply',
      message: '',
      at: new Date().toISOString(),
    };
    poison({ nonsense: true });
    poison({ ...good, operationId: randomUUID() });
    poison({ ...good, state: 'succeeded' });
    poison({ ...good, at: '2026-99-99T99:99:99Z' });
    // What only the database refuses.
    poison({ ...good, revision: 1e12 });
    agent.result(operation, { state: 'accepted' });
    await agent.acked();
    await agent.carryOut(operation, ['running', 'succeeded']);
    expect((await details(operation)).state).toBe('succeeded');
    const rejected = await rejectedOf(cluster.id);
    expect(rejected.map(({ sequence }) => sequence)).toEqual([5, 4, 3, 2, 1]);
    expect(rejected.map(({ problem }) => problem).join('\n')).toMatch(
      /could not be stored[^]*date-time[^]*cannot go from offered to succeeded[^]*has no operation[^]*must have required/,
    );
    const { body } = await fleet.owner.call<string>('GET', '/metrics');
    expect(body).toMatch(/steward_records_rejected_total\{type="result"\} [5-9]/);
  });

  it('of another cluster’s operation are set aside', async () => {
    const victim = await offered();
    const { agent, cluster } = await fleet.connected();
    agent.result(victim.operation, { state: 'failed', installationId: victim.installation.id });
    await agent.acked();
    expect((await details(victim.operation)).state).toBe('offered');
    expect(await rejectedOf(cluster.id)).toHaveLength(1);
  });

  it('keep at most a hundred that were set aside', async () => {
    const { agent, cluster } = await fleet.connected();
    for (let n = 0; n < 130; n += 1) agent.result(randomUUID(), { state: 'failed', installationId: randomUUID() });
    await agent.acked();
    const found = await withClient(fleet.running.database.superuserUrl, (client) =>
      client.query('SELECT count(*)::int AS count FROM rejected_records WHERE cluster_id = $1', [cluster.id]),
    );
    expect(found.rows).toEqual([{ count: 100 }]);
  });

  it('tell events, with what was lost', async () => {
    const { agent, installation: target } = await offered();
    agent.event({ installationId: target.id, message: 'nats-0 was killed', from: 'healthy', to: 'degraded' });
    agent.event({ kind: 'gap', lost: 12, message: 'the queue was full' });
    agent.event({ installationId: target.id, kind: 'drift.contested', message: 'Deployment/nats: changed again' });
    const later = { kind: 'moon.rose' } as unknown as Parameters<typeof agent.event>[0];
    agent.event({ installationId: target.id, ...later });
    await agent.acked();
    const { items } = await fleet.owner.get<PageOf<{ kind: string; lost?: number; to?: string }>>(
      `/installations/${target.id}/events`,
    );
    expect(items).toHaveLength(4);
    expect(items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'gap', lost: 12 }),
        expect.objectContaining({ kind: 'drift.contested', message: 'Deployment/nats: changed again' }),
        // Of an agent that is newer than this hub.
        expect.objectContaining({ kind: 'moon.rose' }),
        expect.objectContaining({ to: 'degraded' }),
      ]),
    );
  });
});

describe('reports of an agent', () => {
  const degraded: InstallationHealth = {
    health: 'degraded',
    reasons: [{ code: 'OOMKilled', object: 'Pod/nats-0', message: 'out of memory' }],
    workloads: [{ kind: 'StatefulSet', name: 'nats', health: 'degraded', ready: 2, wanted: 3 }],
    since: '2026-11-21T00:00:00Z',
  };

  it('of health are in the list and in the feed; the same again is not', async () => {
    const { agent, installation: target } = await installed();
    const feed = await openFeed(fleet.owner, '/feed');
    const report = { revision: 1, full: false, set: { [target.id]: degraded }, delete: [] };
    agent.send({ t: 'health', b: report });
    agent.send({ t: 'health', b: { ...report, revision: 2 } });
    agent.event();
    await agent.acked();
    const found = await installation(target.id);
    expect(found).toMatchObject({ health: 'degraded', reasons: degraded.reasons, workloads: degraded.workloads });
    // The install's own change may still be on its way.
    const told = (): unknown[] =>
      feed.messages.filter(({ data }) => JSON.stringify(data).includes('"health":"degraded"'));
    await waitUntil(() => told().length > 0, { what: 'it to be told' });
    expect(told()).toMatchObject([{ type: 'installation.changed', data: { id: target.id } }]);
    await feed.close();
  });

  it('in full take back what they no longer name, in part they do not', async () => {
    const { agent, cluster, installation: first } = await installed();
    const second = await fleet.install(cluster.name);
    const both = { [first.id]: degraded, [second.installation.id]: degraded };
    agent.send({ t: 'health', b: { revision: 1, full: true, set: both, delete: [] } });
    agent.send({ t: 'health', b: { revision: 2, full: false, set: { [first.id]: degraded }, delete: [] } });
    agent.event();
    await agent.acked();
    expect((await installation(second.installation.id)).health).toBe('degraded');
    agent.send({ t: 'health', b: { revision: 3, full: true, set: { [first.id]: degraded }, delete: [] } });
    agent.event();
    await agent.acked();
    expect((await installation(second.installation.id)).health).toBe('unknown');
    expect((await installation(first.id)).health).toBe('degraded');
  });

  it('in full take nothing back of what comes with their next frame', async () => {
    const { agent, cluster, installation: first } = await installed();
    const { installation: second } = await fleet.install(cluster.name);
    const both = { [first.id]: degraded, [second.id]: degraded };
    agent.send({ t: 'health', b: { revision: 1, full: true, set: both, delete: [] } });
    const keep = Object.keys(both);
    agent.send({ t: 'health', b: { revision: 2, full: true, set: { [first.id]: degraded }, delete: [], keep } });
    agent.event();
    await agent.acked();
    expect((await installation(second.id)).health).toBe('degraded');
  });

  it('that cannot be read are set aside, and keep nothing else of the cluster from the hub', async () => {
    const { agent, cluster, installation: first } = await installed();
    const bad = { ...degraded, reasons: [{ code: 'x'.repeat(65), object: 'Pod/a', message: 'm' }] };
    for (const revision of [1, 2])
      agent.send({ t: 'health', b: { revision, full: true, set: { [first.id]: bad }, delete: [] } });
    expect((await agent.waitFor('error')).b).toMatchObject({ code: 'bad-report' });
    agent.send({ t: 'health', b: { revision: 3, full: false, set: { [first.id]: degraded }, delete: [] } });
    agent.event();
    await agent.acked();
    expect((await installation(first.id)).health).toBe('degraded');
    const problem = expect.stringContaining('more than 64 characters');
    expect(await rejectedOf(cluster.id)).toMatchObject([{ stream: 'reports', type: 'health', problem }]);
  });

  it('of what runs show the true version after a roll back', async () => {
    const { agent, installation: target } = await installed();
    const { body } = await push(target.id, { kind: 'upgrade', version: '1.1.0' });
    await agent.waitFor('desired', ({ b }) => b.operation.id === body.id);
    await agent.carryOut(body.id, ['running', 'rolled-back']);
    const observed = {
      generation: 2,
      observedGeneration: 1,
      version: '1.0.0',
      state: 'rolled-back' as const,
      message: 'nats-0 never got ready',
    };
    agent.send({ t: 'observed', b: { revision: 1, full: true, set: { [target.id]: observed }, delete: [] } });
    agent.event();
    await agent.acked();
    expect(await installation(target.id)).toMatchObject({
      generation: 2,
      version: '1.1.0',
      observedGeneration: 1,
      runningVersion: '1.0.0',
      state: 'rolled-back',
      message: 'nats-0 never got ready',
    });
  });

  it('of what it can go back to and where it is reached are shown, and gone with an agent that does not tell them', async () => {
    const { agent, installation: target } = await installed();
    const plain = { generation: 1, observedGeneration: 1, version: '1.0.0', state: 'running' as const };
    const [kept, endpoints] = [[{ generation: 1, version: '0.9.0' }], [{ service: 'nats', port: 4222, name: 'nats' }]];
    const tell = async (revision: number, observed: object): Promise<Installation> => {
      const set = { [target.id]: { ...plain, ...observed } };
      agent.send({ t: 'observed', b: { revision, full: true, set, delete: [] } });
      agent.event();
      await agent.acked();
      return installation(target.id);
    };
    expect(await tell(1, { kept, endpoints })).toMatchObject({ kept, endpoints });
    expect((await tell(2, { kept })).endpoints).toBeUndefined();
    expect((await tell(3, {})).kept).toBeUndefined();
  });

  it('about installations of other clusters change nothing', async () => {
    const victim = await installed();
    const { agent } = await fleet.connected();
    agent.send({
      t: 'health',
      b: { revision: 1, full: false, set: { [victim.installation.id]: degraded }, delete: [] },
    });
    agent.send({
      t: 'health',
      b: { revision: 2, full: false, set: { 'no id': degraded }, delete: [victim.installation.id] },
    });
    agent.event();
    await agent.acked();
    expect((await installation(victim.installation.id)).health).toBe('unknown');
  });
});
