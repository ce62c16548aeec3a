import { gzipSync } from 'node:zlib';
import { randomUUID } from 'node:crypto';
import {
  generateReleaseKey,
  sha256,
  signRelease,
  type Cluster,
  type CreateCluster,
  type CreatedCluster,
  type CreatedInstallation,
  type CreateInstallation,
  type Release,
  type ReleaseDetails,
  type ReleaseEnvelope,
} from '@steward/shared';
import type { Api } from '../../support/api.ts';
import { FakeAgent } from '../../support/fake-agent.ts';
import { hubAddress } from '../../support/hub-address.ts';
import { startHubWithDatabase, type HubWithDatabase } from '../../support/hub-database.ts';
import type { HubOptions } from '../../support/hub.ts';
import { waitUntil } from '../../support/wait-until.ts';

export interface SigningKey {
  privateKeyPem: string;
  key: { fingerprint: string; publicKey: string };
}

/** A hub with one vendor that has a trusted key, one customer and one service. */
export interface Fleet {
  running: HubWithDatabase;
  owner: Api;
  key: SigningKey;
  chart: Buffer;
  chartDigest: string;
  /** An envelope signed by the vendor; every part of the release can be replaced. */
  sign(version: string, change?: Partial<Release>, key?: SigningKey): ReleaseEnvelope;
  publish(version: string, change?: Partial<Release>): Promise<ReleaseDetails>;
  cluster(wanted?: Partial<CreateCluster>): Promise<CreatedCluster>;
  /** A cluster whose agent is connected. */
  connected(): Promise<{ cluster: Cluster; agent: FakeAgent }>;
  install(cluster: string, wanted?: Partial<CreateInstallation>): Promise<CreatedInstallation>;
  /** Waits until the cluster is shown so. */
  shows(clusterId: string, connection: Cluster['connection']): Promise<Cluster>;
  /** Agents made here are closed, then the hub is stopped; fails when something leaked. */
  end(): Promise<void>;
}

const PARAMETERS = {
  type: 'object',
  additionalProperties: false,
  properties: { replicas: { type: 'integer', minimum: 1, maximum: 5 } },
};

export function unique(prefix = 'n'): string {
  return `${prefix}${randomUUID().slice(0, 8)}`;
}

export function releaseOf(version: string, chart: Buffer, counter: number): Release {
  return {
    kind: 'steward.dev/release/v1',
    service: 'nats',
    version,
    counter,
    createdAt: '2026-11-21T00:00:00Z',
    chart: { name: 'nats', version, digest: sha256(chart), bytes: chart.byteLength },
    images: [],
    parameters: PARAMETERS,
    basicParameters: ['replicas'],
    permissions: [
      {
        apiGroup: 'apps',
        apiVersion: 'v1',
        kind: 'StatefulSet',
        resource: 'statefulsets',
        verbs: ['get', 'patch'],
        reason: 'runs the servers',
      },
    ],
    exceptions: {},
    knobs: [],
    upgrade: { deadlineSeconds: 600, settleSeconds: 5 },
    display: { name: 'NATS' },
    minimumAgentVersion: '0.1.0',
    kubernetes: '>=1.30.0',
  };
}

export async function startFleet(options: Partial<HubOptions> = {}): Promise<Fleet> {
  const running = await startHubWithDatabase(options);
  const owner = await running.hub.owner();
  const key = generateReleaseKey();
  const chart = gzipSync(Buffer.from(randomUUID()));
  const agents: FakeAgent[] = [];
  let counter = 0;
  await owner.post('/release-keys', { name: 'release', publicKey: key.key.publicKey });
  await owner.post('/customers', { slug: 'beta', name: 'Beta' });
  await owner.post('/services', { slug: 'nats', name: 'NATS' });
  await owner.put(`/charts/${sha256(chart)}`, chart);

  const fleet: Fleet = {
    running,
    owner,
    key,
    chart,
    chartDigest: sha256(chart),
    sign: (version, change = {}, { privateKeyPem } = key) => {
      counter += 1;
      const release = { ...releaseOf(version, chart, counter), ...change };
      return signRelease(Buffer.from(JSON.stringify(release)), privateKeyPem);
    },
    publish: (version, change) =>
      owner.post<ReleaseDetails>('/releases', { envelope: fleet.sign(version, change), channels: ['stable'] }),
    cluster: (wanted = {}) =>
      owner.post<CreatedCluster>('/clusters', { name: unique('c'), customer: 'beta', ...wanted }),
    connected: async () => {
      const { cluster, enrolment } = await fleet.cluster();
      const agent = await FakeAgent.enrol(hubAddress(running.hub.url), enrolment.token);
      agents.push(agent);
      await agent.connect();
      return { cluster, agent };
    },
    install: (cluster, wanted = {}) =>
      owner.post<CreatedInstallation>('/installations', { name: unique('i'), cluster, service: 'nats', ...wanted }),
    shows: (clusterId, connection) =>
      waitUntil(
        async () => {
          const found = await owner.get<Cluster>(`/clusters/${clusterId}`);
          return found.connection === connection ? found : undefined;
        },
        { what: `the cluster is ${connection}` },
      ),
    end: async () => {
      for (const agent of agents) await agent.kill();
      await running.end();
    },
  };
  return fleet;
}
