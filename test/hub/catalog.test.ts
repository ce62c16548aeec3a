import { gzipSync } from 'node:zlib';
import {
  generateReleaseKey,
  LIMITS,
  problemCodeOf,
  sha256,
  signRelease,
  type Channel,
  type PageOf,
  type Problem,
  type PublishRelease,
  type Release,
  type ReleaseDetails,
  type ReleaseSummary,
  type Service,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { releaseOf, startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet.end());

function publish(wanted: PublishRelease): Promise<{ status: number; body: ReleaseDetails & Problem }> {
  return fleet.owner.call<ReleaseDetails & Problem>('POST', '/releases', wanted);
}

async function refusal(wanted: PublishRelease): Promise<[number, string | undefined, string]> {
  const { status, body } = await publish(wanted);
  return [status, problemCodeOf(body), body.detail];
}

const published = async () =>
  (await fleet.owner.get<PageOf<ReleaseSummary>>('/services/nats/releases')).items.map(({ version }) => version);

describe('publishing', () => {
  it('takes a signed release, moves its channels, and answers the same envelope again with what is there', async () => {
    const envelope = fleet.sign('1.0.0');
    const first = await publish({ envelope, channels: ['stable', 'beta'] });
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ service: 'nats', version: '1.0.0', signedBy: fleet.key.key.fingerprint });
    const again = await publish({ envelope, channels: ['fast'] });
    expect([again.status, again.body.digest]).toEqual([200, first.body.digest]);
    const { channels, latestVersion } = await fleet.owner.get<Service>('/services/nats');
    expect({ channels, latestVersion }).toEqual({
      channels: { beta: '1.0.0', fast: '1.0.0', stable: '1.0.0' },
      latestVersion: '1.0.0',
    });
    const details = await fleet.owner.get<ReleaseDetails>('/services/nats/releases/1.0.0');
    expect(details.envelope).toEqual(envelope);
  });

  it('refuses another content under a taken version', async () => {
    expect(await refusal({ envelope: fleet.sign('1.0.0', { display: { name: 'Other' } }) })).toEqual([
      409,
      'already-exists',
      expect.stringContaining('published already'),
    ]);
  });

  it('refuses a counter that does not rise', async () => {
    expect(await refusal({ envelope: fleet.sign('1.0.1', { counter: 1 }) })).toEqual([
      409,
      'conflict',
      expect.stringContaining('the counter 1 does not rise'),
    ]);
  });

  it('refuses an altered payload, and a signature by a key that is not trusted', async () => {
    const envelope = fleet.sign('1.0.2');
    const altered = { ...releaseOf('1.0.2', fleet.chart, 900), version: '6.6.6' };
    const payload = Buffer.from(JSON.stringify(altered)).toString('base64');
    expect(await refusal({ envelope: { ...envelope, payload } })).toEqual([
      422,
      'invalid-release',
      expect.stringContaining('no valid signature by a trusted key'),
    ]);
    expect((await refusal({ envelope: fleet.sign('1.0.3', {}, generateReleaseKey()) }))[2]).toContain(
      'signed by sha256:',
    );
    expect(await published()).toEqual(['1.0.0']);
  });

  it.each<[string, Partial<Release>, string]>([
    ['without a closed schema', { parameters: { type: 'object' } }, 'not closed'],
    [
      'with a schema that refers elsewhere',
      { parameters: { type: 'object', additionalProperties: false, properties: { a: { $ref: 'https://x.example' } } } },
      "can't resolve reference",
    ],
    ['with a version that is none', { version: 'latest' }, 'not SemVer'],
    ['with a counter that is stored nowhere', { counter: 2_147_483_648 }, 'its counter 2147483648 is above 2147483647'],
    ['that has expired', { expiresAt: '2020-01-01T00:00:00Z' }, 'expired'],
    [
      'whose chart is not here',
      { chart: { name: 'x', version: '1', digest: `sha256:${'0'.repeat(64)}`, bytes: 1 } },
      'is not here',
    ],
    [
      'with a range that is none',
      { upgrade: { from: 'some', deadlineSeconds: 600, settleSeconds: 5 } },
      'no SemVer range',
    ],
  ])('refuses a release %s', async (_name, change, text) => {
    expect(await refusal({ envelope: fleet.sign('2.0.0', change) })).toEqual([
      422,
      'invalid-release',
      expect.stringContaining(text),
    ]);
  });

  it('refuses a release of a service that is not there, and one that is no release', async () => {
    expect((await refusal({ envelope: fleet.sign('1.0.0', { service: 'other' }) }))[0]).toBe(404);
    const envelope = signRelease(Buffer.from('{"kind":"something else"}'), fleet.key.privateKeyPem);
    expect((await refusal({ envelope }))[2]).toContain('is not a release');
  });

  it('of one service at the same time keeps the counters in order', async () => {
    const envelopes = ['3.0.0', '3.0.1', '3.0.2', '3.0.3'].map((version) => fleet.sign(version));
    const statuses = await Promise.all(envelopes.map(async (envelope) => (await publish({ envelope })).status));
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
    expect(statuses).toContain(201);
  });
});

describe('channels', () => {
  it('are moved to a release that is there', async () => {
    const channel = await fleet.owner.put<Channel>('/services/nats/channels/stable', { version: '1.0.0' });
    expect(channel).toMatchObject({ service: 'nats', name: 'stable', version: '1.0.0' });
    const answer = await fleet.owner.call<Problem>('PUT', '/services/nats/channels/stable', { version: '9.9.9' });
    expect([answer.status, answer.body.detail]).toEqual([404, 'the service "nats" has no release 9.9.9']);
    const { items } = await fleet.owner.get<PageOf<Channel>>('/services/nats/channels');
    expect(items.map(({ name }) => name).sort()).toEqual(['beta', 'fast', 'stable']);
  });
});

describe('charts', () => {
  const upload = (digest: string, content: Uint8Array) =>
    fleet.owner.call<Problem>('PUT', `/charts/${digest}`, content);

  it('are stored under their digest; the same again changes nothing', async () => {
    const chart = gzipSync('a chart');
    for (const _time of [1, 2]) {
      const answer = await upload(sha256(chart), chart);
      expect([answer.status, answer.body]).toEqual([200, { digest: sha256(chart), bytes: chart.byteLength }]);
    }
  });

  it.each([
    ['whose digest is another', `sha256:${'1'.repeat(64)}`, gzipSync('x'), 400, 'have the digest sha256:'],
    ['that is not gzip', sha256('plain text'), Buffer.from('plain text'), 400, 'not gzip'],
  ])('are refused when %s', async (_name, digest, content, status, text) => {
    const answer = await upload(digest, content);
    expect([answer.status, answer.body.detail]).toEqual([status, expect.stringContaining(text)]);
  });

  it('of 50 MB are cut off at the limit', async () => {
    const answer = await upload(`sha256:${'2'.repeat(64)}`, Buffer.alloc(50 * 1024 * 1024)).catch(
      (error: unknown) => error,
    );
    // The hub answers before everything was sent: the sender sees the answer, or a connection that ended.
    if (answer instanceof Error) expect(answer.message).toMatch(/EPIPE|ECONNRESET|socket hang up/);
    else
      expect(answer).toMatchObject({
        status: 413,
        body: { detail: expect.stringContaining(`${LIMITS.maxChartBytes}`) },
      });
    expect((await fleet.owner.call('GET', '/services')).status).toBe(200);
  });

  it('are refused as JSON', async () => {
    const answer = await fleet.owner.call<Problem>('PUT', `/charts/sha256:${'3'.repeat(64)}`, { a: 1 });
    expect([answer.status, answer.body.action]).toEqual([400, 'send it with content-type: application/octet-stream']);
  });
});

describe('release keys', () => {
  it('are trusted once', async () => {
    const answer = await fleet.owner.call<Problem>('POST', '/release-keys', {
      name: 'again',
      publicKey: fleet.key.key.publicKey,
    });
    expect([answer.status, problemCodeOf(answer.body)]).toEqual([409, 'already-exists']);
  });
});

describe('parameters', () => {
  it('must fit the schema that was signed', async () => {
    const { cluster } = await fleet.cluster();
    const install = (parameters: unknown) =>
      fleet.owner.call<Problem>('POST', '/installations', {
        name: 'checked',
        cluster: cluster.name,
        service: 'nats',
        version: '1.0.0',
        parameters,
      });
    for (const [parameters, text] of [
      [{ replicas: 9 }, 'replicas: must be <= 5'],
      [{ image: 'evil' }, 'must NOT have additional properties (image)'],
    ] as const) {
      const answer = await install(parameters);
      expect([answer.status, problemCodeOf(answer.body)]).toEqual([422, 'invalid-parameters']);
      expect(JSON.stringify(answer.body)).toContain(text);
    }
    expect((await install({ replicas: 2 })).status).toBe(201);
  });
});
