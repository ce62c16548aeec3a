import {
  generateReleaseKey,
  sha256,
  signRelease,
  type Release,
  type ReleaseDetails,
  type ReleasePermission,
} from '@steward/shared';
import { packChart } from '../../charts/pack.ts';
import type { Stack } from '../../support/stack.ts';
import { waitUntil } from '../../support/wait-until.ts';

const OBJECTS: readonly (readonly [string, string, string])[] = [
  ['', 'ConfigMap', 'configmaps'],
  ['', 'Service', 'services'],
  ['', 'Pod', 'pods'],
  ['apps', 'Deployment', 'deployments'],
];

const PERMISSIONS: ReleasePermission[] = OBJECTS.map(([apiGroup, kind, resource]) => ({
  apiGroup,
  apiVersion: 'v1',
  kind,
  resource,
  verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
  reason: 'the chart has one',
}));

export interface ForgedRelease {
  /** A folder of test/charts. */
  chart: string;
  change?: Partial<Release>;
  privateKeyPem?: string;
  /** Default: the chart as it is in the folder. */
  packed?: Buffer;
}

/** What `steward publish` would refuse: releases of any chart, with any word in them, signed and sent to the REST API. */
export class ForgedReleases {
  readonly #stack: Stack;
  readonly #privateKeyPem: string;
  readonly #image: { reference: string; digest: string };
  #counter = 0;

  /** @param probe `reference=digest` */
  static async start(stack: Stack, probe: string): Promise<ForgedReleases> {
    const privateKeyPem = await trustNewKey(stack, 'forger');
    return new ForgedReleases(stack, privateKeyPem, probe);
  }

  private constructor(stack: Stack, privateKeyPem: string, probe: string) {
    const [reference = '', digest = ''] = probe.split('=');
    this.#stack = stack;
    this.#privateKeyPem = privateKeyPem;
    this.#image = { reference, digest };
  }

  /** Makes the service with the first release. */
  async publish(
    service: string,
    { chart, change = {}, privateKeyPem, packed }: ForgedRelease,
  ): Promise<ReleaseDetails> {
    const { api } = this.#stack;
    const bytes = packed ?? (await packChart(chart));
    this.#counter += 1;
    const version = change.version ?? '1.0.0';
    const release: Release = {
      kind: 'steward.dev/release/v1',
      service,
      version,
      counter: this.#counter,
      createdAt: new Date().toISOString(),
      chart: { name: chart, version, digest: sha256(bytes), bytes: bytes.length },
      images: [this.#image],
      parameters: {
        type: 'object',
        additionalProperties: false,
        properties: { text: { type: 'string' }, fault: { type: 'string' } },
      },
      basicParameters: [],
      permissions: PERMISSIONS,
      exceptions: {},
      knobs: [],
      upgrade: { deadlineSeconds: 60, settleSeconds: 0 },
      display: { name: chart },
      minimumAgentVersion: '0.1.0',
      kubernetes: '>=1.31',
      ...change,
    };
    const known = await api.call('GET', `/services/${service}`);
    if (known.status === 404) await api.post('/services', { slug: service, name: service });
    // Tests beside each other upload more charts at once than the hub takes.
    await waitUntil(() => api.put(`/charts/${sha256(bytes)}`, bytes), { what: 'the hub takes the chart' });
    const envelope = signRelease(Buffer.from(JSON.stringify(release)), privateKeyPem ?? this.#privateKeyPem);
    return api.post<ReleaseDetails>('/releases', { envelope });
  }
}

/** A key that the hub trusts from now on; agents that are installed already do not know it. */
export async function trustNewKey(stack: Stack, name: string): Promise<string> {
  const { privateKeyPem, key } = generateReleaseKey();
  await stack.api.post('/release-keys', { name, publicKey: key.publicKey });
  return privateKeyPem;
}
