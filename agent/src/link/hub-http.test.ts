import { createHash } from 'node:crypto';
import { eventually } from '../testing/eventually.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { generateReleaseKey, releaseDigest, sha256, signRelease } from '@steward/shared';
import { createTestAuthority, type TestAuthority } from '../testing/authority.ts';
import { FakeApiServer } from '../testing/fake-api-server.ts';
import { problem, TestHub } from '../testing/test-hub.ts';
import { createTestLink, type TestLink } from '../testing/test-link.ts';

const api = new FakeApiServer();
let authority: TestAuthority;
let hub: TestHub;
let made: TestLink | undefined;

beforeAll(async () => {
  authority = await createTestAuthority();
  await api.start();
});
afterAll(() => api.stop());
beforeEach(async () => {
  hub = new TestHub(authority);
  await hub.start();
});
afterEach(async () => {
  await made?.link.stop();
  await hub.stop();
});

function start(caPem: string | undefined, url = hub.url): TestLink {
  made = createTestLink(url, api.client(), { caPem });
  made.link.start();
  return made;
}

describe('a hub with its own authority', () => {
  it('is trusted when the manifest carries the authority', async () => {
    const { link } = start(authority.caPem);
    await (await hub.session()).welcome();
    await eventually(() => expect(link.isConnected).toBe(true));
  });

  it.each([
    ['none', () => Promise.resolve(undefined)],
    ['another one', async () => (await createTestAuthority()).caPem],
  ])('is refused when the manifest carries %s, and the sentence says what to check', async (_name, ca) => {
    const { link } = start(await ca());
    await eventually(() =>
      expect(link.state.message).toMatch(/not from (an|the) authority this agent trusts.*hub-ca\.pem in the ConfigMap/),
    );
    expect(hub.sessions).toEqual([]);
    expect(hub.enrolments).toEqual([]);
  });

  it('is refused under another name', async () => {
    const { link } = start(authority.caPem, new URL(`https://localhost:${hub.port}`));
    await eventually(() => expect(link.state.message).toMatch(/certificate is for another name/));
  });

  it('is refused with a certificate that has expired', async () => {
    const expired = await createTestAuthority({ notAfterMs: -60_000 });
    const other = new TestHub(expired);
    await other.start();
    const { link } = start(expired.caPem, other.url);
    await eventually(() => expect(link.state.message).toMatch(/certificate has expired.*Check the clock of this node/));
    await other.stop();
  });
});

describe('downloads', () => {
  const signal = new AbortController().signal;
  const chart = Buffer.from('a chart');
  const envelope = signRelease(Buffer.from('{"kind":"x"}'), generateReleaseKey().privateKeyPem);

  async function connected(): Promise<TestLink['link']> {
    const { link } = start(authority.caPem);
    await (await hub.session()).welcome();
    return link;
  }

  it('gives releases and charts by digest, each asked for with a token of its own', async () => {
    const link = await connected();
    const tokens = new Set<string | undefined>();
    hub.onRequest = ({ url, headers }) => {
      tokens.add(headers.authorization);
      return { status: 200, body: url?.startsWith('/agent/v1/charts/') ? chart : envelope };
    };
    await expect(link.fetchChart(sha256(chart), signal)).resolves.toEqual(chart);
    const release = await link.fetchRelease(releaseDigest(envelope), signal);
    expect(JSON.parse(Buffer.from(release).toString())).toEqual(envelope);
    expect(tokens.size).toBe(2);
  });

  it.each([
    ['a chart with other bytes', { status: 200, body: Buffer.from('evil') }, /digest sha256:.* instead of/, false],
    ['what the hub does not have', problem('not-found', 'no'), /the hub has no charts sha256:/, false],
    ['a hub that is starting', { status: 503 }, /busy or starting/, true],
    [
      'more than a chart may be',
      { status: 200, body: Buffer.alloc(11 * 1024 * 1024) },
      /larger than 10485760 bytes/,
      false,
    ],
  ])('refuses %s', async (_name, reply, expected, isTransient) => {
    const link = await connected();
    hub.onRequest = () => reply;
    const digest = `sha256:${createHash('sha256').update(chart).digest('hex')}`;
    await expect(link.fetchChart(digest, signal)).rejects.toMatchObject({
      message: expect.stringMatching(expected) as unknown,
      isTransient,
    });
  });

  it('refuses an envelope with another payload', async () => {
    const link = await connected();
    hub.onRequest = () => ({ status: 200, body: envelope });
    await expect(link.fetchRelease(sha256('other'), signal)).rejects.toThrow(/sent a release with the digest/);
    hub.onRequest = () => ({ status: 200, body: { no: 'envelope' } });
    await expect(link.fetchRelease(sha256('other'), signal)).rejects.toThrow(/is not an envelope/);
  });
});
