import {
  RUN_STATE_FEATURE,
  type DesiredState,
  type Enrolment,
  type Installation,
  type InstallationExport,
  type Operation,
  type Problem,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeAgent } from '../support/fake-agent.ts';
import { hubAddress } from '../support/hub-address.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  const generateOnce = [{ kind: 'Secret', name: '${installation}-auth' }];
  await fleet.publish('1.0.0', { generateOnce });
  await fleet.publish('1.1.0');
});
afterAll(() => fleet.end());

const installation = (id: string) => fleet.owner.get<Installation>(`/installations/${id}`);
const adopt = { releaseName: 'old.nats', acceptDifferences: false };

/** The agent ends it well, and says that it runs. */
async function carryOut(agent: FakeAgent, id: string, operationId: string, revision: number) {
  const { b } = await agent.waitFor('desired', (frame) => frame.b.operation.id === operationId);
  await agent.carryOut(operationId, ['accepted', 'running', 'succeeded']);
  if (b.action === 'remove') {
    await waitUntil(async () => (await installation(id)).state === 'removed', { what: 'it is removed' });
    return b;
  }
  const { generation, release } = b;
  const seen = { generation, observedGeneration: generation, version: release.version, state: 'running' as const };
  agent.send({ t: 'observed', b: { revision, full: true, set: { [id]: seen }, delete: [] } });
  const is = async () => (await installation(id)).observedGeneration === b.generation;
  await waitUntil(is, { what: `generation ${b.generation} is observed` });
  return b;
}

/** The agent ends an adoption badly: it has no good generation of it. */
async function comeToNothing(agent: FakeAgent, id: string, { generation, operation }: DesiredState) {
  await agent.carryOut(operation.id, ['failed']);
  const forgotten = { generation, observedGeneration: 0, state: 'failed' as const };
  agent.send({ t: 'observed', b: { revision: 1, full: true, set: { [id]: forgotten }, delete: [] } });
  const isTold = async () => (await installation(id)).state === 'failed';
  await waitUntil(isTold, { what: 'the hub shows that nobody knows what runs' });
}

describe('an adoption', () => {
  it("tells the agent Helm's name for good, is asked for again with the differences accepted, and is exported and left", async () => {
    const { cluster, agent } = await fleet.connected();
    const wanted = { version: '1.0.0', namespace: 'messaging', adopt };
    const { installation: made, operation, grantCommand } = await fleet.install(cluster.name, wanted);
    expect(made).toMatchObject({ releaseName: 'old.nats', namespace: 'messaging' });
    expect(grantCommand).toContain(made.id);
    const first = await agent.waitFor('desired', ({ b }) => b.operation.id === operation.id);
    expect(first.b).toMatchObject({ releaseName: 'old.nats', action: 'run', operation: { kind: 'adopt' } });
    expect(first.b.operation).not.toHaveProperty('acceptDifferences');
    await agent.carryOut(operation.id, ['failed']);

    const again = { kind: 'adopt', parameters: { replicas: 3 }, acceptDifferences: true };
    const second = await fleet.owner.post<Operation>(`/installations/${made.id}/operations`, again);
    const sent = await carryOut(agent, made.id, second.id, 1);
    expect(sent).toMatchObject({
      generation: 2,
      releaseName: 'old.nats',
      parameters: { replicas: 3 },
      operation: { kind: 'adopt', acceptDifferences: true },
    });
    const third = await fleet.owner.call<Problem>('POST', `/installations/${made.id}/operations`, again);
    expect([third.status, third.body.detail]).toEqual([409, `${made.name} is taken over already`]);

    const path = `/installations/${made.id}/export`;
    expect(await fleet.owner.get<InstallationExport>(path)).toMatchObject({
      releaseName: 'old.nats',
      namespace: 'messaging',
      version: '1.0.0',
      parameters: { replicas: 3 },
      imagesAsAdopted: true,
      madeUp: ['Secret/old.nats-auth'],
      chart: { digest: fleet.chartDigest },
    });
    const upgrade = await fleet.owner.post<Operation>(`/installations/${made.id}/operations`, {
      kind: 'upgrade',
      version: '1.1.0',
    });
    expect(await carryOut(agent, made.id, upgrade.id, 2)).toMatchObject({ releaseName: 'old.nats' });
    expect(await fleet.owner.get(path)).toMatchObject({ version: '1.1.0', imagesAsAdopted: false, madeUp: [] });

    const leave = await fleet.owner.post<Operation>(`/installations/${made.id}/operations`, { kind: 'leave' });
    const left = await carryOut(agent, made.id, leave.id, 3);
    expect(left).toMatchObject({ action: 'remove', deleteVolumes: false, release: { version: '1.1.0' } });
    expect(await installation(made.id)).toMatchObject({ state: 'removed' });
    expect(await fleet.owner.get(path)).toMatchObject({ version: '1.1.0', parameters: { replicas: 3 } });
    // Its name and namespace are free.
    await fleet.install(cluster.name, { ...wanted, name: made.name });
  });

  it('does not reach an agent that would install everything once more beside what runs', async () => {
    const { cluster, agent } = await fleet.connected();
    await agent.close();
    const { operation } = await fleet.install(cluster.name, { namespace: 'queued', adopt });
    await agent.connect({ hello: { features: [RUN_STATE_FEATURE] } });
    const load = () => fleet.owner.get<Operation>(`/operations/${operation.id}`);
    await waitUntil(async () => (await load()).state === 'failed', { what: 'the adoption to be ended' });
    expect(await load()).toMatchObject({ reasonCode: 'agent-too-old' });
    expect(agent.frames.filter(({ t }) => t === 'desired')).toEqual([]);
    const body = { name: 'late', cluster: cluster.name, service: 'nats', adopt };
    const refused = await fleet.owner.call<Problem>('POST', '/installations', body);
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      `the agent of "${cluster.name}" is too old to take over or let go of what runs`,
    ]);
  });
});

describe('an agent that comes back without its records', () => {
  it('takes up what ran, as it ran, and what was asked of it before ends', async () => {
    const { cluster, agent } = await fleet.connected();
    const { installation: made, operation } = await fleet.install(cluster.name, { version: '1.0.0' });
    const { installation: unborn } = await fleet.install(cluster.name, { version: '1.0.0' });
    await carryOut(agent, made.id, operation.id, 1);
    const push = (wanted: object) => fleet.owner.post<Operation>(`/installations/${made.id}/operations`, wanted);
    const stop = await push({ kind: 'stop' });
    await carryOut(agent, made.id, stop.id, 2);
    const upgrade = await push({ kind: 'upgrade', version: '1.1.0' });
    await agent.waitFor('desired', ({ b }) => b.operation.id === upgrade.id);
    await agent.carryOut(upgrade.id, ['accepted', 'running']);
    await agent.close();

    const { token } = await fleet.owner.post<Enrolment>(`/clusters/${cluster.id}/enrolment`, {});
    const reinstalled = await FakeAgent.enrol(hubAddress(fleet.running.hub.url), token);
    expect(await installation(made.id)).toMatchObject({ observedGeneration: 2, runningVersion: '1.0.0' });
    await reinstalled.connect();
    const { b } = await reinstalled.waitFor('desired', (frame) => frame.b.installationId === made.id);
    expect(b).toMatchObject({
      generation: 4,
      release: { version: '1.0.0' },
      runState: { stopped: true },
      operation: { kind: 'adopt', recovers: true, requestedBy: 'the hub' },
    });
    const ended = await fleet.owner.get<Operation>(`/operations/${upgrade.id}`);
    expect(ended).toMatchObject({ state: 'unknown', reasonCode: 'lost-track' });
    // It never ran: it is installed as it was to be.
    const other = await reinstalled.waitFor('desired', (frame) => frame.b.installationId === unborn.id);
    expect(other.b).toMatchObject({ generation: 1, operation: { kind: 'install' } });

    // Not begun once more while it goes on, nor when it came to nothing: then a person decides.
    await reinstalled.close();
    await reinstalled.connect();
    const same = await reinstalled.waitFor('desired', (frame) => frame.b.installationId === made.id);
    expect(same.b.operation.id).toBe(b.operation.id);
    await comeToNothing(reinstalled, made.id, b);
    const again = await push({ kind: 'adopt', acceptDifferences: true });
    const accepted = await carryOut(reinstalled, made.id, again.id, 2);
    expect(accepted).toMatchObject({ generation: 5, runState: { stopped: true }, operation: { recovers: true } });
    expect(await fleet.owner.get(`/installations/${made.id}/export`)).toMatchObject({ imagesAsAdopted: false });
    await reinstalled.close();
  });

  it('takes it up without a remedy that had not been started, and still does when that is asked for again', async () => {
    const { cluster, agent } = await fleet.connected();
    const { installation: made, operation } = await fleet.install(cluster.name, { version: '1.0.0' });
    await carryOut(agent, made.id, operation.id, 1);
    const push = (wanted: object) => fleet.owner.post<Operation>(`/installations/${made.id}/operations`, wanted);
    const stop = await push({ kind: 'stop' });
    await agent.waitFor('desired', ({ b }) => b.operation.id === stop.id);
    await agent.carryOut(stop.id, ['awaiting-approval']);
    await agent.close();

    const { token } = await fleet.owner.post<Enrolment>(`/clusters/${cluster.id}/enrolment`, {});
    const reinstalled = await FakeAgent.enrol(hubAddress(fleet.running.hub.url), token);
    await reinstalled.connect();
    const first = await reinstalled.waitFor('desired', (frame) => frame.b.installationId === made.id);
    expect(first.b).toMatchObject({ operation: { kind: 'adopt' }, runState: { stopped: false } });
    expect(await fleet.owner.get(`/operations/${stop.id}`)).toMatchObject({ state: 'cancelled' });
    expect(await installation(made.id)).not.toHaveProperty('runState');
    await comeToNothing(reinstalled, made.id, first.b);
    expect(await installation(made.id)).not.toHaveProperty('runState');
    const again = await push({ kind: 'adopt' });
    const second = await reinstalled.waitFor('desired', ({ b }) => b.operation.id === again.id);
    expect(second.b.runState).toEqual({ stopped: false, replicas: {} });
    await reinstalled.close();
  });
});
