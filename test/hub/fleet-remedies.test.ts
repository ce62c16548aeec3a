import {
  RESIZE_FEATURE,
  RUN_STATE_FEATURE,
  type Installation,
  type Operation,
  type OperationState,
  type Problem,
  type Release,
  type ReleaseRemedies,
  type RunState,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiAnswer } from '../support/api.ts';
import type { ConnectOptions, FakeAgent } from '../support/fake-agent.ts';
import { openFeed } from '../support/feed.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;
const remedies: ReleaseRemedies = {
  resize: [
    {
      kind: 'StatefulSet',
      name: '${installation}',
      container: 'nats',
      cpu: { minimum: '100m', maximum: '2' },
      memory: { minimum: '64Mi', maximum: '1Gi' },
    },
  ],
  autoscale: [{ kind: 'StatefulSet', name: '${installation}', minimum: 1, maximum: 9 }],
};
const permissions: Release['permissions'] = [
  {
    apiGroup: 'autoscaling',
    apiVersion: 'v2',
    kind: 'HorizontalPodAutoscaler',
    resource: 'horizontalpodautoscalers',
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    reason: 'to scale the service by load',
  },
];

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish('1.0.0', { remedies, permissions });
  await fleet.publish('1.1.0');
  const [kind, name] = ['StatefulSet' as const, '${installation}'];
  const scale = [{ kind, name, minimum: 1, maximum: 5, options: [1, 3, 5], knob: 'servers' }];
  await fleet.publish('1.2.0', { remedies: { scale } });
  const parameters = (servers: number) => ({
    type: 'object',
    additionalProperties: false,
    properties: { replicas: { type: 'integer', default: servers }, text: { type: 'string' } },
  });
  await fleet.publish('2.0.0', { parameters: parameters(3), onlyAtInstall: ['replicas'] });
  await fleet.publish('2.1.0', { parameters: parameters(5), onlyAtInstall: ['replicas'] });
});
afterAll(() => fleet.end());

interface Running {
  agent: FakeAgent;
  id: string;
  clusterId: string;
}

/** That version with 3 replicas runs well at generation 1. */
async function installed(version = '1.0.0', parameters: Record<string, unknown> = { replicas: 3 }): Promise<Running> {
  const { cluster, agent } = await fleet.connected();
  const made = await fleet.install(cluster.name, { version, parameters });
  const running = { agent, id: made.installation.id, clusterId: cluster.id };
  await carryOut(running, made.operation.id);
  return running;
}

let revision = 0;

/** Lets the agent end it so; what runs is what was asked for when it went well. */
async function carryOut({ agent, id }: Running, operationId: string, state: OperationState = 'succeeded') {
  const { b } = await agent.waitFor('desired', (frame) => frame.b.operation.id === operationId);
  const isGood = state === 'succeeded';
  await agent.carryOut(operationId, isGood || state === 'rolled-back' ? ['accepted', 'running', state] : [state]);
  if (isGood) {
    const { generation, release } = b;
    const seen = { generation, observedGeneration: generation, version: release.version, state: 'running' as const };
    agent.send({ t: 'observed', b: { revision: (revision += 1), full: true, set: { [id]: seen }, delete: [] } });
    const is = async () => (await installation(id)).observedGeneration === generation;
    await waitUntil(is, { what: `generation ${generation} is observed` });
  }
  return b;
}

const installation = (id: string) => fleet.owner.get<Installation>(`/installations/${id}`);
const operation = (id: string) => fleet.owner.get<Operation>(`/operations/${id}`);
function push(id: string, body: unknown, headers: Record<string, string> = {}): Promise<ApiAnswer<Operation>> {
  return fleet.owner.call<Operation>('POST', `/installations/${id}/operations`, body, headers);
}

/** Pushes it and lets it end; answers with what the agent was sent. */
async function done(running: Running, body: unknown, state?: OperationState) {
  const pushed = await push(running.id, body);
  expect(pushed.status, JSON.stringify(pushed.body)).toBe(201);
  return carryOut(running, pushed.body.id, state);
}

function problemOf({ status, body }: ApiAnswer<unknown>): string {
  return `${status} ${(body as Partial<Problem>).type?.split('/').at(-1) ?? ''}`;
}

const stopped: RunState = { stopped: true, replicas: {} };
const scaled = (count: number): RunState => ({ stopped: false, replicas: { 'StatefulSet/nats': count } });

describe('a remedy', () => {
  it('reaches the agent with the release and parameters that run, and is shown at once', async () => {
    const running = await installed();
    const feed = await openFeed(fleet.owner, `/feed?type=installation.changed&installation=${running.id}`);
    const sent = await done(running, { kind: 'stop', reason: 'weekend' });
    expect(sent).toMatchObject({
      generation: 2,
      action: 'run',
      release: { version: '1.0.0' },
      parameters: { replicas: 3 },
      runState: stopped,
      operation: { kind: 'stop', reason: 'weekend' },
    });
    expect(await installation(running.id)).toMatchObject({ runState: stopped, version: '1.0.0', generation: 2 });
    await waitUntil(() => feed.messages.some(({ data }) => (data as Installation).runState?.stopped === true), {
      what: 'the feed to say that it is stopped',
    });
    await feed.close();
  });

  it('is kept by upgrades and rollbacks, and taken back by what takes it back', async () => {
    const running = await installed();
    await done(running, { kind: 'scale', replicas: { 'StatefulSet/nats': 5 } });
    await done(running, { kind: 'stop' });
    const both = { stopped: true, replicas: { 'StatefulSet/nats': 5 } };
    const upgrade = await done(running, { kind: 'upgrade', version: '1.1.0' });
    expect(upgrade).toMatchObject({ runState: both, release: { version: '1.1.0' } });
    const back = await done(running, { kind: 'rollback' });
    expect(back).toMatchObject({ runState: both, release: { version: '1.0.0' }, operation: { toGeneration: 1 } });
    expect(await done(running, { kind: 'start' })).toMatchObject({ runState: scaled(5) });
    const given = await done(running, { kind: 'scale', replicas: { 'StatefulSet/nats': null } });
    expect(given.runState).toEqual({ stopped: false, replicas: {} });
    expect(await installation(running.id)).not.toHaveProperty('runState');
  });

  it('restarts with a token of its own each time, which is kept too', async () => {
    const running = await installed();
    const first = await done(running, { kind: 'restart' });
    const second = await done(running, { kind: 'restart' });
    expect(first.runState?.restartToken).toMatch(/^[0-9a-f-]{36}$/);
    expect(second.runState?.restartToken).not.toBe(first.runState?.restartToken);
    const upgrade = await done(running, { kind: 'upgrade', version: '1.1.0' });
    expect(upgrade.runState).toEqual(second.runState);
  });

  it('is not kept when it came to nothing, but is when a newer one took its place', async () => {
    const running = await installed();
    for (const state of ['denied', 'failed', 'rolled-back'] as const) await done(running, { kind: 'stop' }, state);
    expect(await installation(running.id)).not.toHaveProperty('runState');
    const upgrade = await done(running, { kind: 'upgrade', version: '1.1.0' });
    expect(upgrade.runState).toEqual({ stopped: false, replicas: {} });
    const superseded = (await push(running.id, { kind: 'scale', replicas: { 'StatefulSet/nats': 4 } })).body;
    const newer = await done(running, { kind: 'stop' });
    expect(await operation(superseded.id)).toMatchObject({ state: 'cancelled', reasonCode: 'superseded' });
    expect(newer.runState).toEqual({ ...scaled(4), stopped: true });
  });

  it('is not kept by what gave way to a newer one that came to nothing, once the agent has not begun it', async () => {
    const running = await installed();
    const first = (await push(running.id, { kind: 'stop' })).body;
    await running.agent.waitFor('desired', ({ b }) => b.operation.id === first.id);
    const newer = await done(running, { kind: 'upgrade', version: '1.1.0' }, 'denied');
    expect(newer.runState).toEqual(stopped);
    expect(await installation(running.id)).toMatchObject({ runState: stopped });
    running.agent.result(first.id, { state: 'cancelled', reason: 'superseded' });
    await running.agent.acked();
    expect(await installation(running.id)).not.toHaveProperty('runState');
    await running.agent.close();
    for (const body of [{ kind: 'stop' }, { kind: 'upgrade', version: '1.1.0' }]) await push(running.id, body);
    const { currentOperation } = await installation(running.id);
    await fleet.owner.post(`/operations/${currentOperation}/cancel`);
    expect(await installation(running.id)).not.toHaveProperty('runState');
    await running.agent.connect();
    const next = await done(running, { kind: 'upgrade', version: '1.1.0' });
    expect(next.runState).toEqual({ stopped: false, replicas: {} });
  });

  it('is not kept by what gave way and never arrived, but is while the agent names it or runs it', async () => {
    const running = await installed();
    const stop = (await push(running.id, { kind: 'stop' })).body;
    await running.agent.waitFor('desired', ({ b }) => b.operation.id === stop.id);
    const upgrade = (await push(running.id, { kind: 'upgrade', version: '1.1.0' })).body;
    await running.agent.waitFor('desired', ({ b }) => b.operation.id === upgrade.id);
    const comesBack = async (hello: ConnectOptions['hello'] = {}) => {
      await running.agent.kill();
      await running.agent.connect({ hello });
      return installation(running.id);
    };
    await comesBack({ unfinishedOperations: [stop.id] });
    await running.agent.waitFor('operation.cancel', ({ b }) => b.operationId === stop.id);
    expect(await carryOut(running, upgrade.id, 'denied')).toMatchObject({ runState: stopped });
    expect(await installation(running.id)).toMatchObject({ runState: stopped });
    const listed = { id: running.id, generation: 3, observedGeneration: 2 };
    expect(await comesBack({ installations: [listed] })).toMatchObject({ runState: stopped });
    const other = { ...listed, observedGeneration: 1 };
    expect(await comesBack({ installations: Array(500).fill(other) })).toMatchObject({ runState: stopped });
    const feed = await openFeed(fleet.owner, `/feed?type=installation.changed&installation=${running.id}`);
    expect(await comesBack({ installations: [other] })).not.toHaveProperty('runState');
    await waitUntil(() => feed.messages.length > 0, { what: 'the feed to say so' });
    await feed.close();
    expect(await done(running, { kind: 'upgrade', version: '1.1.0' })).toMatchObject({ runState: { stopped: false } });
    // Its word counts all the same.
    expect(await operation(stop.id)).toMatchObject({ state: 'cancelled', reasonCode: 'superseded' });
    await running.agent.carryOut(stop.id, ['accepted', 'running', 'succeeded']);
    expect(await operation(stop.id)).toMatchObject({ state: 'succeeded' });
  });

  it('is for what runs, also when an upgrade came to nothing', async () => {
    const running = await installed();
    await done(running, { kind: 'upgrade', version: '1.1.0', parameters: { replicas: 5 } }, 'rolled-back');
    const inEffect = { version: '1.0.0', parameters: { replicas: 3 } };
    expect(await installation(running.id)).toMatchObject({ version: '1.1.0', inEffect });
    const sent = await done(running, { kind: 'restart' });
    expect(await installation(running.id)).not.toHaveProperty('inEffect');
    expect(sent).toMatchObject({ generation: 3, release: { version: '1.0.0' }, parameters: { replicas: 3 } });
  });

  it('is never what a rollback goes to: what it ran is', async () => {
    const running = await installed();
    await done(running, { kind: 'upgrade', version: '1.1.0' });
    for (let round = 0; round < 2; round += 1) await done(running, { kind: 'restart' });
    const named = await done(running, { kind: 'rollback', toGeneration: 3 }, 'denied');
    expect(named).toMatchObject({ release: { version: '1.1.0' }, operation: { toGeneration: 2 } });
    const back = await done(running, { kind: 'rollback' });
    expect(back).toMatchObject({ release: { version: '1.0.0' }, operation: { toGeneration: 1 } });
  });

  it('is made once by one key, and refused for who saw another generation', async () => {
    const running = await installed();
    const key = { 'idempotency-key': `restart-${running.id}` };
    const [one, again] = await Promise.all([1, 2].map(() => push(running.id, { kind: 'restart' }, key)));
    expect(again?.body.id).toBe(one?.body.id);
    expect(problemOf(await push(running.id, { kind: 'stop', expectedGeneration: 1 }))).toBe('409 conflict');
    const id = one?.body.id ?? '';
    await running.agent.waitFor('desired', ({ b }) => b.operation.id === id);
    await running.agent.carryOut(id, ['accepted', 'running']);
    expect(problemOf(await push(running.id, { kind: 'stop' }))).toBe('409 operation-in-progress');
  });

  it('is refused where it makes no sense', async () => {
    const running = await installed();
    await done(running, { kind: 'stop' });
    expect(problemOf(await push(running.id, { kind: 'restart' }))).toBe('409 conflict');
    for (const replicas of [
      {},
      { nats: 3 },
      { 'DaemonSet/log': 1 },
      { 'Deployment/web': -1 },
      { 'Deployment/web': 1e6 },
    ])
      expect(problemOf(await push(running.id, { kind: 'scale', replicas }))).toBe('400 invalid-request');
    const { cluster } = await fleet.connected();
    const fresh = await fleet.install(cluster.name);
    const answer = await push(fresh.installation.id, { kind: 'stop' });
    expect([problemOf(answer), (answer.body as unknown as Problem).detail]).toEqual([
      '409 conflict',
      expect.stringContaining('nothing of'),
    ]);
  });
});

describe('a scale', () => {
  it('stays inside what the release that runs says of the workload, and is free where it says nothing', async () => {
    const running = await installed('1.2.0');
    const workload = `StatefulSet/${(await installation(running.id)).name}`;
    const answer = await push(running.id, { kind: 'scale', replicas: { [workload]: 4 } });
    const { detail } = answer.body as unknown as Problem;
    expect([problemOf(answer), detail]).toEqual([
      '400 invalid-request',
      `this release allows 1 or 3 or 5 pods of ${workload}, not 4 pods; the knob "servers" sets it, with all that belongs to it: steward set`,
    ]);
    const replicas = { [workload]: 5, 'Deployment/other': 4 };
    expect(await done(running, { kind: 'scale', replicas })).toMatchObject({ runState: { replicas } });
    await done(running, { kind: 'scale', replicas: { [workload]: null } });
  });
});

describe('what is only set at installation', () => {
  it('is chosen there, and refused to be another later, also where a version has another default', async () => {
    const running = await installed('2.0.0', { replicas: 1 });
    const ask = async (body: object): Promise<string> => {
      const answer = await push(running.id, { kind: 'upgrade', ...body });
      return `${problemOf(answer)}: ${(answer.body as unknown as Problem).detail}`;
    };
    const is = '422 invalid-parameters: replicas is only set at installation: it is 1 here';
    expect(await ask({ parameters: { replicas: 3 } })).toBe(`${is}, and this would make it 3`);
    expect(await ask({ parameters: {} })).toBe(`${is}, and this would make it 3`);
    expect(await ask({ version: '2.1.0', parameters: { text: 'a' } })).toBe(`${is}, and this would make it 5`);
    const parameters = { replicas: 1, text: 'a' };
    expect(await done(running, { kind: 'upgrade', version: '2.1.0', parameters })).toMatchObject({ parameters });
  });

  it('is free until something runs, and after a version that said nothing of it holds what runs', async () => {
    const { cluster } = await fleet.connected();
    const fresh = await fleet.install(cluster.name, { version: '2.0.0', parameters: { replicas: 1 } });
    const again = { kind: 'upgrade', parameters: { replicas: 3 } };
    expect((await push(fresh.installation.id, again)).status).toBe(201);
    const running = await installed('1.1.0', { replicas: 2 });
    const upgrade = { kind: 'upgrade', version: '2.0.0' };
    expect(problemOf(await push(running.id, { ...upgrade, parameters: {} }))).toBe('422 invalid-parameters');
    expect(await done(running, upgrade)).toMatchObject({ parameters: { replicas: 2 } });
  });
});

describe('a resize', () => {
  /** Of the one container that is offered. */
  const sizes = async ({ id }: Running, size: unknown) => {
    const { name } = await installation(id);
    return { [`StatefulSet/${name}/nats`]: size };
  };

  it('adds to what a container was given before, is kept by an upgrade, and given back by name', async () => {
    const running = await installed();
    await done(running, { kind: 'resize', resources: await sizes(running, { memoryLimit: '512Mi' }) });
    const second = await done(running, { kind: 'resize', resources: await sizes(running, { cpuRequest: '500m' }) });
    const resources = await sizes(running, { memoryLimit: '512Mi', cpuRequest: '500m' });
    expect(second).toMatchObject({
      operation: { kind: 'resize' },
      runState: { resources },
      parameters: { replicas: 3 },
    });
    expect(await installation(running.id)).toMatchObject({ runState: { resources } });
    expect(await done(running, { kind: 'upgrade', version: '1.1.0' })).toMatchObject({ runState: { resources } });
    const back = await done(running, { kind: 'resize', resources: await sizes(running, null) });
    expect(back.runState).toEqual({ stopped: false, replicas: {} });
    expect(await installation(running.id)).not.toHaveProperty('runState');
  });

  it('is refused outside of what the release that runs offers, with what it offers', async () => {
    const running = await installed();
    for (const [resources, said] of [
      [await sizes(running, { memoryLimit: '2Gi' }), 'memory 64Mi to 1Gi'],
      [{ 'StatefulSet/nats/nats': { memoryLimit: '512Mi' } }, 'does not offer'],
    ] as const) {
      const answer = await push(running.id, { kind: 'resize', resources });
      const { detail } = answer.body as unknown as Problem;
      expect([problemOf(answer), detail]).toEqual(['400 invalid-request', expect.stringContaining(said)]);
    }
    await done(running, { kind: 'upgrade', version: '1.1.0' });
    const resources = await sizes(running, { memoryLimit: '512Mi' });
    expect(problemOf(await push(running.id, { kind: 'resize', resources }))).toBe('400 invalid-request');
  });

  it('is sent to no agent that would leave it out, nor an upgrade that would take it back', async () => {
    const running = await installed();
    const resources = await sizes(running, { memoryLimit: '512Mi' });
    await done(running, { kind: 'resize', resources });
    await running.agent.close();
    const queued = (await push(running.id, { kind: 'upgrade', version: '1.1.0' })).body;
    await running.agent.connect({ hello: { features: [RUN_STATE_FEATURE] } });
    await waitUntil(async () => (await operation(queued.id)).state === 'failed', { what: 'the upgrade to be ended' });
    expect(await operation(queued.id)).toMatchObject({ reasonCode: 'agent-too-old' });
    expect(problemOf(await push(running.id, { kind: 'resize', resources }))).toBe('409 conflict');
    expect(problemOf(await push(running.id, { kind: 'stop' }))).toBe('409 conflict');
  });
});

describe('an autoscale', () => {
  const bounds = { minimum: 2, maximum: 6, cpuPercent: 70 };

  it('takes the count over from scale until it is switched off', async () => {
    const running = await installed();
    const workload = `StatefulSet/${(await installation(running.id)).name}`;
    await done(running, { kind: 'scale', replicas: { [workload]: 5 } });
    const on = await done(running, { kind: 'autoscale', autoscale: { [workload]: bounds } });
    const runState = { stopped: false, replicas: { [workload]: 5 }, autoscale: { [workload]: bounds } };
    expect(on).toMatchObject({ operation: { kind: 'autoscale' }, runState });
    expect(problemOf(await push(running.id, { kind: 'scale', replicas: { [workload]: 4 } }))).toBe('409 conflict');
    expect(await done(running, { kind: 'upgrade', version: '1.1.0' })).toMatchObject({ runState });
    const off = await done(running, { kind: 'autoscale', autoscale: { [workload]: null } });
    expect(off.runState).toEqual({ stopped: false, replicas: { [workload]: 5 } });
    expect(await done(running, { kind: 'scale', replicas: { [workload]: 4 } })).toMatchObject({
      runState: { replicas: { [workload]: 4 } },
    });
  });

  it('is refused outside of what is offered, and by an agent that does not know of it', async () => {
    const running = await installed();
    const workload = `StatefulSet/${(await installation(running.id)).name}`;
    const ask = async (name: string, change: object) =>
      problemOf(await push(running.id, { kind: 'autoscale', autoscale: { [name]: { ...bounds, ...change } } }));
    expect(await ask(workload, { maximum: 10 })).toBe('400 invalid-request');
    expect(await ask(workload, { minimum: 7 })).toBe('400 invalid-request');
    expect(await ask(workload, { cpuPercent: 0 })).toBe('400 invalid-request');
    expect(await ask('Deployment/other', {})).toBe('400 invalid-request');
    await running.agent.close();
    await running.agent.connect({ hello: { features: [RUN_STATE_FEATURE, RESIZE_FEATURE] } });
    const isOld = async () => (await ask(workload, {})) === '409 conflict';
    await waitUntil(isOld, { what: 'the hub to know that the agent is old' });
  });
});

describe('a schedule', () => {
  const stop = [{ days: ['mon', 'fri'], from: '20:00', to: '06:00' }];

  it('is sent with all that follows, beside a stop by hand, until it is taken away', async () => {
    const running = await installed();
    const schedule = { timeZone: 'Europe/Berlin', stop };
    expect(await done(running, { kind: 'schedule', schedule })).toMatchObject({
      operation: { kind: 'schedule' },
      runState: { stopped: false, schedule },
    });
    expect(await done(running, { kind: 'stop' })).toMatchObject({ runState: { stopped: true, schedule } });
    expect(await done(running, { kind: 'start' })).toMatchObject({ runState: { stopped: false, schedule } });
    expect(await done(running, { kind: 'upgrade', version: '1.1.0' })).toMatchObject({ runState: { schedule } });
    expect(await installation(running.id)).toMatchObject({ runState: { schedule } });
    await done(running, { kind: 'schedule', schedule: null });
    expect(await installation(running.id)).not.toHaveProperty('runState');
  });

  it('is refused when it cannot be kept, and by an agent that does not know of it', async () => {
    const running = await installed();
    const ask = async (schedule: object) => problemOf(await push(running.id, { kind: 'schedule', schedule }));
    expect(await ask({ timeZone: 'Europe/Atlantis', stop })).toBe('400 invalid-request');
    const days = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
    expect(await ask({ timeZone: 'UTC', stop: [{ days, from: '00:00', to: '24:00' }] })).toBe('400 invalid-request');
    expect(await ask({ timeZone: 'UTC', stop: [{ days, from: '8pm', to: '24:00' }] })).toBe('400 invalid-request');
    expect(await ask({ timeZone: 'UTC', stop: [] })).toBe('400 invalid-request');
    await running.agent.close();
    await running.agent.connect({ hello: { features: [RUN_STATE_FEATURE] } });
    const isOld = async () => (await ask({ timeZone: 'UTC', stop })) === '409 conflict';
    await waitUntil(isOld, { what: 'the hub to know that the agent is old' });
  });
});

describe('beside versions that do not know of it', () => {
  it('an old agent is sent nothing that it would leave out, and the API says so', async () => {
    const running = await installed();
    await done(running, { kind: 'stop' });
    await running.agent.close();
    const queued = (await push(running.id, { kind: 'upgrade', version: '1.1.0' })).body;
    await running.agent.connect({ hello: { features: [] } });
    await waitUntil(async () => (await operation(queued.id)).state === 'failed', { what: 'the upgrade to be ended' });
    expect(await operation(queued.id)).toMatchObject({ reasonCode: 'agent-too-old' });
    expect(running.agent.frames.filter(({ t }) => t === 'desired')).toEqual([]);
    expect(problemOf(await push(running.id, { kind: 'start' }))).toBe('409 conflict');
    const removal = (await push(running.id, { kind: 'uninstall' })).body;
    await running.agent.waitFor('desired', ({ b }) => b.operation.id === removal.id);
  });

  it('an old agent goes on with installations that run as released', async () => {
    const running = await installed();
    await running.agent.close();
    await running.agent.connect({ hello: { features: [] } });
    expect(await done(running, { kind: 'upgrade', version: '1.1.0' })).toMatchObject({ release: { version: '1.1.0' } });
  });

  it('what an old hub writes keeps how it runs', async () => {
    const running = await installed();
    await done(running, { kind: 'stop' });
    const upgrade = (await push(running.id, { kind: 'upgrade', version: '1.1.0' })).body;
    await carryOut(running, upgrade.id);
    await withClient(fleet.running.database.superuserUrl, (client) =>
      client.query(
        'UPDATE installation_generations SET run_state = NULL WHERE installation_id = $1 AND generation = 3',
        [running.id],
      ),
    );
    expect(await installation(running.id)).toMatchObject({ runState: stopped });
    expect(await done(running, { kind: 'start' })).toMatchObject({ runState: { stopped: false, replicas: {} } });
  });
});
