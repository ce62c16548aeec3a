import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { generateReleaseKey, sha256, signRelease, type Release, type ReleaseEnvelope } from '@steward/shared';
import type { Api } from '../../support/api.ts';

/** A service of a vendor with one release, and how to sign more of them. */
export interface Catalog {
  service: string;
  version: string;
  chart: Buffer;
  /** A next release, signed and not published yet. */
  sign(): ReleaseEnvelope;
}

function releaseOf(service: string, counter: number, chart: Buffer): Release {
  return {
    kind: 'steward.dev/release/v1',
    service,
    version: `1.${counter}.0`,
    counter,
    createdAt: new Date().toISOString(),
    chart: { name: service, version: '1.0.0', digest: sha256(chart), bytes: chart.byteLength },
    images: [],
    parameters: { type: 'object', additionalProperties: false },
    basicParameters: [],
    permissions: [],
    exceptions: {},
    knobs: [],
    upgrade: { deadlineSeconds: 600, settleSeconds: 5 },
    display: { name: service },
    minimumAgentVersion: '0.1.0',
    kubernetes: '*',
  };
}

/** Publishes a first release of a new service, in the channel `stable`. */
export async function createCatalog(owner: Api, prefix: string): Promise<Catalog> {
  const service = `${prefix}-service`;
  const chart = gzipSync(randomBytes(100));
  const { privateKeyPem, key } = generateReleaseKey();
  let counter = 0;
  const sign = (): ReleaseEnvelope => {
    counter += 1;
    return signRelease(Buffer.from(JSON.stringify(releaseOf(service, counter, chart))), privateKeyPem);
  };
  await owner.post('/release-keys', { name: 'key', publicKey: key.publicKey });
  await owner.post('/services', { slug: service, name: 'Service' });
  const stored = await owner.call('PUT', `/charts/${sha256(chart)}`, chart);
  if (stored.status >= 300) throw new Error(`the chart was refused: ${JSON.stringify(stored.body)}`);
  await owner.post('/releases', { envelope: sign(), channels: ['stable'] });
  return { service, version: '1.1.0', chart, sign };
}
