// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { InstallationHealth } from '@steward/shared';
import { createTestAuthority } from '../../agent/src/testing/authority.ts';
import type { ResultRecord } from '../../agent/src/link/link.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from '../agent/reconcile-fixture.ts';
import { probeImage } from '../cluster/images.ts';
import { testCluster } from '../support/cluster-setup.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';

const login = { username: 'anna', password: 'p:w' };

let fixture: ReconcileFixture;
let agent: RunningAgent;
let registry: TestRegistry;
/** Of an image that only the registry has. */
let digest: string;

beforeAll(async () => {
  const cluster = await testCluster();
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  const tls = await createTestAuthority({ address: cluster.hostAddress });
  registry = await startRegistry({ address: cluster.hostAddress, tls, login });
  const image = await probeImage('private', console.error, 'private.test');
  digest = image.digest;
  await cluster.importImage(image.archivePath);
  await cluster.moveImage(image, { host: registry.host, caPem: tls.caPem, login }, 'team/probe:private');
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow' } });
  const mirrors = [{ from: 'private.test', to: `${registry.host}/team` }];
  const metadata = { name: 'corp', namespace: fixture.namespace };
  const spec = { mirrors, pullSecrets: ['corp-registry'] };
  await fixture.apply([{ apiVersion: 'steward.dev/v1alpha1', kind: 'ImageSource', metadata, spec }]);
  agent = await fixture.start();
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
  await registry?.stop();
});

/** As `kubectl create secret docker-registry` makes it. */
async function pullSecret({ namespace }: Where, password: string): Promise<void> {
  const auths = { [registry.host]: { username: login.username, password } };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'corp-registry', namespace } };
  const stringData = { '.dockerconfigjson': JSON.stringify({ auths }) };
  await fixture.apply([{ ...secret, type: 'kubernetes.io/dockerconfigjson', stringData }]);
}

const health = (where: Where, wanted: (health: InstallationHealth) => boolean): Promise<InstallationHealth> =>
  fixture.hub.healthOf(where, wanted, 120_000);

describe('a registry of the customer’s that wants a login', () => {
  it('gives its images to pods with the right Secret; without it that is told, and mended it goes on by itself', async () => {
    const { hub } = fixture;
    const reference = 'private.test/probe:private';
    const change = ({ images }: Published['release']): void => void images.splice(0, 1, { reference, digest });
    const release = await fixture.publish({ chart: 'web', change });
    const where = fixture.installation();
    await fixture.grant(where.name, release);
    const push = (generation: number, text: string): Promise<ResultRecord> => {
      const kind = generation === 1 ? 'install' : 'upgrade';
      const parameters = { image: reference, text };
      return hub.end(fixture.offer({ ...where, release, generation, kind, parameters }));
    };
    const mirrored = `${registry.host}/team/probe:private@${digest}`;
    const notLetIn = new RegExp(`container probe \\(${mirrored}\\): .*401 Unauthorized\\. .*check the pull Secret`);

    const without = await push(1, 'a');
    expect(without).toMatchObject({ state: 'failed', reason: 'image-pull-failed' });
    expect(without.message).toMatch(notLetIn);

    await pullSecret(where, 'wrong');
    expect(await push(2, 'b')).toMatchObject({ state: 'failed', reason: 'image-pull-failed' });
    const wrong = await health(where, ({ reasons }) => reasons.some(({ code }) => code === 'ImagePullBackOff'));
    expect(wrong.health).not.toBe('healthy');
    expect(wrong.reasons.find(({ code }) => code === 'ImagePullBackOff')?.message).toMatch(notLetIn);

    // The kubelet tries again with what the Secret says then; nobody pushes anything.
    await pullSecret(where, login.password);
    const well = await health(where, (now) => now.health === 'healthy');
    expect(well.reasons).toEqual([]);
    expect(await push(3, 'c')).toMatchObject({ state: 'succeeded' });
    const selected = ['-n', where.namespace, '-o', 'jsonpath={.items[*].status.containerStatuses[0].imageID}'];
    expect(await fixture.kubectl('get', 'pods', ...selected)).toBe(`${registry.host}/team/probe@${digest}`);
  });
});
