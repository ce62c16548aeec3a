import { FEATURES, type Operation, type Problem, type ReleaseDetails } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { releaseOf, startFleet, type Fleet } from './fleet/world.ts';

const oci = 'registry.vendor.test/charts/nats';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet.end());

/** A chart that the hub has never had. */
function chartElsewhere(version: string, change: object = {}) {
  const { chart } = releaseOf(version, Buffer.from(version), 1);
  return { chart: { ...chart, oci, ...change } };
}

describe('a release whose chart lies in a registry', () => {
  it('is taken without it, while any other needs its chart to be here', async () => {
    const made = await fleet.publish('1.0.0', chartElsewhere('1.0.0'));
    expect(made.release.chart.oci).toBe(oci);
    expect(await fleet.owner.get<ReleaseDetails>('/services/nats/releases/1.0.0')).toMatchObject({
      digest: made.digest,
    });
    const { chart } = releaseOf('1.0.1', Buffer.from('missing'), 1);
    const refused = await fleet.owner.call<Problem>('POST', '/releases', { envelope: fleet.sign('1.0.1', { chart }) });
    expect([refused.status, refused.body.detail]).toEqual([422, `its chart ${chart.digest} is not here`]);
  });

  it.each([
    ['a place that is none', { oci: 'https://registry.vendor.test/x' }],
    ['a chart that is larger than any may be', { bytes: 10 * 1024 * 1024 + 1 }],
  ])('is refused with %s', async (_name, change) => {
    const envelope = fleet.sign('1.0.2', chartElsewhere('1.0.2', change));
    expect((await fleet.owner.call('POST', '/releases', { envelope })).status).toBe(422);
  });

  it('is sent to agents that can get it there, and not to those that would look for it here', async () => {
    const { cluster, agent } = await fleet.connected();
    await agent.close();
    const { operation } = await fleet.install(cluster.name, { version: '1.0.0' });
    await agent.connect({ hello: { features: FEATURES.filter((feature) => feature !== 'chart-registry') } });
    const load = () => fleet.owner.get<Operation>(`/operations/${operation.id}`);
    await waitUntil(async () => (await load()).state === 'failed', { what: 'the install to be ended' });
    expect(await load()).toMatchObject({ reasonCode: 'agent-too-old' });
    expect(agent.frames.filter(({ t }) => t === 'desired')).toEqual([]);
    await agent.close();
    await agent.connect();
    const again = await fleet.install(cluster.name, { version: '1.0.0' });
    await agent.waitFor('desired', ({ b }) => b.operation.id === again.operation.id);
  });
});
