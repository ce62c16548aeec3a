import { verify } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { eventually } from '../testing/eventually.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS, publicKeyFromRaw, reportHash, SERVER_TIME_HEADER } from '@steward/shared';
import type { KubeClient } from '../kube/client.ts';
import { FakeApiServer } from '../testing/fake-api-server.ts';
import { CLUSTER_ID, problem, TestHub } from '../testing/test-hub.ts';
import { createTestLink, FAST_POLICY, INSTALLATION_ID, resultOf, type TestLink } from '../testing/test-link.ts';

const api = new FakeApiServer();
let kube: KubeClient;
let hub = new TestHub();
const started: TestLink[] = [];

beforeEach(async () => {
  await api.start();
  api.delete('/api/v1/namespaces/ns/secrets/steward-agent-identity');
  kube = api.client();
  hub = new TestHub();
  await hub.start();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map(({ link }) => link.stop()));
  await hub.stop();
  await api.stop();
});

function start(change: Parameters<typeof createTestLink>[2] = {}, url = hub.url): TestLink {
  const made = createTestLink(url, kube, change);
  started.push(made);
  made.link.start();
  return made;
}
async function message(made: TestLink, pattern: RegExp): Promise<void> {
  await eventually(() => expect(made.link.state.message).toMatch(pattern));
}
function claimsOf(authorization = ''): Record<string, number | string> {
  const [head = '', payload = '', signature = ''] = authorization.replace('Bearer ', '').split('.');
  const key = publicKeyFromRaw(String(hub.enrolments.at(-1)?.['publicKey']));
  expect(verify(null, Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, number | string>;
}

describe('enrolment', () => {
  it('enrols once, connects with a token signed by the enrolled key, and says so', async () => {
    const made = start();
    const session = await hub.session();
    const hello = await session.welcome();
    expect(hello).toMatchObject({ kubernetesVersion: 'v1.36.3', clusterUid: 'cluster-uid' });
    expect(hello.installations).toEqual([{ id: INSTALLATION_ID, generation: 3, observedGeneration: 2 }]);
    expect(claimsOf(session.authorization)).toMatchObject({
      sub: CLUSTER_ID,
      aud: 'steward-hub',
      cluster: 'cluster-uid',
    });
    await message(made, /^Connected to 127\.0\.0\.1:\d+ as cluster production since /);
    await made.link.stop();
    start();
    await hub.session(1);
    expect(hub.enrolments).toHaveLength(1);
  });

  it('stores its key before it sends it, and sends the same key again when the answer got lost', async () => {
    const stored: unknown[] = [];
    hub.onEnrol = () => {
      stored.push(api.object('/api/v1/namespaces/ns/secrets/steward-agent-identity')?.['data']);
      return hub.enrolments.length < 2 ? { status: 200, body: { lost: true } } : { status: 200, body: enrolled };
    };
    const enrolled = { clusterId: CLUSTER_ID, organization: 'acme', cluster: 'production' };
    start();
    await hub.session();
    expect(stored[0]).toHaveProperty(['candidate-key.pem']);
    expect(hub.enrolments[1]?.['publicKey']).toBe(hub.enrolments[0]?.['publicKey']);
    const data = api.object('/api/v1/namespaces/ns/secrets/steward-agent-identity')?.['data'];
    expect(Object.keys(data as object).toSorted()).toEqual([
      'cluster',
      'cluster-id',
      'private-key.pem',
      'token-sha256',
    ]);
  });

  it.each([
    ['token-used', /^No such token\. Ask the vendor\.$/],
    ['token-expired', /^No such token\. Ask the vendor\.$/],
    ['not-authenticated', /does not accept this agent\. No such token\. Ask the vendor\.$/],
  ] as const)('says what to do about %s and tries again only slowly', async (code, expected) => {
    hub.onEnrol = () => problem(code, 'no such token', {}, 'ask the vendor');
    const made = start();
    await message(made, expected);
    await eventually(() => expect(hub.enrolments).toHaveLength(2));
    expect(hub.upgrades).toHaveLength(0);
    const delays = made.logged.map((line) => JSON.parse(line) as { nextAttemptMs?: number });
    expect(delays.find(({ nextAttemptMs }) => nextAttemptMs)?.nextAttemptMs).toBeGreaterThanOrEqual(
      FAST_POLICY.slowMinMs,
    );
    expect(made.logged.join('')).not.toContain('a-token-that-is-long-enough');
  });

  it('says that there is no token', async () => {
    await message(start({ readToken: () => undefined }), /no identity and no enrolment token/);
  });

  it('uses a new token, with a new key, when its identity was revoked', async () => {
    let token = 'a-token-that-is-long-enough';
    const made = start({ readToken: () => token });
    const first = await hub.session();
    await first.welcome();
    first.socket.close(4403, 'revoked');
    await message(made, /revoked/);
    expect(hub.enrolments).toHaveLength(1);
    token = 'a-second-token-long-enough';
    await (await hub.session(1)).welcome();
    hub.sessions[1]?.socket.close(4403, 'revoked');
    await hub.session(2);
    expect(hub.enrolments.map((body) => body['token'])).toEqual(['a-token-that-is-long-enough', token]);
    expect(hub.enrolments[1]?.['publicKey']).not.toBe(hub.enrolments[0]?.['publicKey']);
  });

  it('says so when the API server does not give what is needed, and goes on when it does', async () => {
    api.intercept = () => ({
      status: 403,
      body: { kind: 'Status', reason: 'Forbidden', message: 'secrets is forbidden' },
    });
    const made = start();
    await message(made, /could not prepare to connect.*secrets is forbidden/);
    api.intercept = () => undefined;
    await hub.session();
  });
});

describe('refused and lost connections', () => {
  it('takes the hub’s time when its own is wrong, at once', async () => {
    const hubTime = Date.now() + 3_600_000;
    hub.onUpgrade = (request) => {
      const isRight = Math.abs(Number(claimsOf(request.headers.authorization)['iat']) * 1000 - hubTime) < 5_000;
      return isRight
        ? undefined
        : problem('clock-skew', 'your clock', { [SERVER_TIME_HEADER]: new Date(hubTime).toISOString() });
    };
    const made = start();
    const session = await hub.session();
    await session.welcome({ serverTime: new Date(hubTime).toISOString() });
    expect(hub.upgrades).toHaveLength(2);
    await message(made, /clock is 3600 s behind the hub's/);
    expect(made.link.state.clockSkewMs).toBeLessThan(-3_590_000);
  });

  it('never uses a time twice, however often it connects', async () => {
    const now = Date.now();
    start({ now: () => now });
    for (let nth = 0; nth < 4; nth += 1) (await hub.session(nth)).socket.close(1001);
    const times = hub.sessions.map(({ authorization }) => Number(claimsOf(authorization)['iat']));
    expect(times).toEqual([...new Set(times)].toSorted((a, b) => a - b));
  });

  it('does not come back before Retry-After', async () => {
    hub.onUpgrade = () =>
      hub.upgrades.length === 1 ? problem('too-many-requests', 'later', { 'retry-after': '1' }) : undefined;
    const startedMs = performance.now();
    const made = start();
    await message(made, /refused\. Later\. Trying again/);
    await hub.session();
    expect(performance.now() - startedMs).toBeGreaterThan(1_000);
  });

  it.each([
    [{ status: 404, body: 'nginx' }, /without being a Steward hub.*WebSockets/],
    [{ status: 401 }, /does not accept this agent's identity/],
    [problem('cluster-revoked', 'x'), /was revoked on the hub/],
    [problem('unknown-protocol', 'x'), /does not speak the protocol/],
    [{ status: 503 }, /busy or starting/],
  ])('explains an upgrade refused with %j', async (reply, expected) => {
    hub.onUpgrade = () => reply;
    await message(start(), expected);
  });

  it('says that nothing listens there, and connects when something does', async () => {
    const { port } = hub;
    await hub.stop();
    const made = start({}, new URL(`http://127.0.0.1:${port}`));
    await message(made, /cannot be reached: nothing listens there.*ECONNREFUSED/);
    hub = new TestHub();
    await hub.start(port);
    await (await hub.session()).welcome();
    await message(made, /^Connected/);
  });

  it('asks whether it may dial before it takes a session back from another replica', async () => {
    let mayDial = false;
    let asked = 0;
    const made = start({
      mayDial: () => {
        asked += 1;
        return Promise.resolve(mayDial);
      },
    });
    const first = await hub.session();
    await first.welcome();
    expect(asked).toBe(0);
    first.socket.close(4409, 'replaced');
    await message(made, /Another replica .* holds the Lease/);
    expect(hub.sessions).toHaveLength(1);
    mayDial = true;
    await hub.session(1);
  });

  it('ends a connection on which nothing is heard, and lives on by the pings of the hub', async () => {
    const made = start({ timings: { handshakeTimeoutMs: 2_000, silenceTimeoutMs: 200 } });
    const session = await hub.session();
    await session.welcome();
    for (let n = 0; n < 10; n += 1) {
      session.socket.ping();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(session.closedWith).toBeUndefined();
    await hub.session(1);
    await message(made, /Nothing was heard/);
  });

  it('comes back within the range the hub asked for', async () => {
    start();
    const session = await hub.session();
    await session.welcome();
    const startedMs = performance.now();
    session.send({ t: 'goaway', b: { reason: 'restarting', minDelayMs: 400, maxDelayMs: 500 } });
    expect(await session.closed()).toMatchObject({ code: 1001 });
    await hub.session(1);
    expect(performance.now() - startedMs).toBeGreaterThan(400);
  });

  it.each([
    ['text that is not JSON', 'garbage', 4400],
    ['a frame of the wrong shape', '{"t":"ack","b":{}}', 4400],
    ['a binary frame', Buffer.from([1, 2, 3]), 4400],
    ['a frame above the limit', `"${'x'.repeat(LIMITS.maxFrameBytes)}"`, 1009],
    ['deep nesting', `{"t":"ack","b":${'['.repeat(1000)}${']'.repeat(1000)}}`, 4400],
  ])('ends a session that sends %s with its code, and connects again', async (_name, data, code) => {
    const made = start();
    const session = await hub.session();
    await session.welcome();
    session.send(data);
    expect(await session.closed()).toMatchObject({ code });
    await (await hub.session(1)).welcome();
    await message(made, /^Connected/);
  });

  it('answers a type it does not know with an error, and goes on', async () => {
    const made = start();
    const session = await hub.session();
    await session.welcome();
    session.send('{"t":"later.thing","b":{}}');
    expect((await session.frame('error')).b.code).toBe('unknown-type');
    session.send({ t: 'operation.cancel', b: { operationId: CLUSTER_ID, requestedBy: 'ann' } });
    await eventually(() => expect(made.peer.cancelled).toHaveLength(1));
    expect(session.closedWith).toBeUndefined();
  });

  it('ends a session that begins with anything but a welcome', async () => {
    start();
    const session = await hub.session();
    await session.frame('hello');
    session.send({ t: 'operation.cancel', b: { operationId: CLUSTER_ID, requestedBy: 'ann' } });
    expect(await session.closed()).toMatchObject({ code: 4400 });
  });

  it('says goodbye when it stops, and does not wait for a hub that does not answer', async () => {
    const made = start();
    const session = await hub.session();
    await session.welcome();
    await message(made, /^Connected/);
    session.socket.pause();
    const startedMs = performance.now();
    await made.link.stop();
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(made.link.state).toMatchObject({ isConnected: false, message: 'The agent was stopped.' });
  });

  it('goes through the proxy that the environment names, and names it when it refuses', async () => {
    const connects: string[] = [];
    const proxy = createServer((socket: Socket) => {
      socket.once('data', (data) => {
        connects.push(String(data).split('\r\n')[0] ?? '');
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      });
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = proxy.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const proxyEnv = { HTTPS_PROXY: `http://127.0.0.1:${port}` };
    const made = start({ proxyEnv }, new URL('https://hub.invalid:8443'));
    await message(made, new RegExp(`through the proxy 127.0.0.1:${port}`));
    expect(connects[0]).toBe('CONNECT hub.invalid:8443 HTTP/1.1');
    await new Promise((resolve) => proxy.close(resolve));
  });
});

describe('what is said', () => {
  it('hands on desired state with its trace, as often as it comes', async () => {
    const made = start();
    const session = await hub.session();
    await session.welcome();
    const desired = {
      installationId: INSTALLATION_ID,
      name: 'orders',
      namespace: 'orders',
      service: 'nats',
      generation: 4,
      action: 'run' as const,
      deleteVolumes: false,
      release: { digest: `sha256:${'0'.repeat(64)}`, version: '1.0.0' },
      parameters: { replicas: 3 },
      operation: { id: CLUSTER_ID, kind: 'upgrade' as const, requestedBy: 'ann', notAfter: new Date().toISOString() },
    };
    const tp = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    session.send({ t: 'desired', tp, b: desired });
    session.send({ t: 'desired', b: desired });
    await eventually(() => expect(made.peer.desired).toHaveLength(2));
    expect(made.peer.desired).toEqual([
      { state: desired, traceparent: tp },
      { state: desired, traceparent: undefined },
    ]);
  });

  it('tells its reports in full after the welcome, with their hash, and again when asked', async () => {
    const made = start();
    made.peer.revision = 7;
    made.peer.observed = { [INSTALLATION_ID]: { generation: 3, observedGeneration: 3, state: 'running' } };
    const session = await hub.session();
    await session.welcome();
    const { b } = await session.frame('heartbeat');
    expect(b).toMatchObject({ revision: 7, hash: reportHash({ health: {}, observed: made.peer.observed }) });
    const inFull = { full: true, set: made.peer.observed };
    expect(session.all('observed')).toMatchObject([{ b: inFull }]);
    expect(session.all('health')).toMatchObject([{ b: { full: true, set: {} } }]);
    session.send({ t: 'resync', b: { reason: 'the hash differs' } });
    await eventually(() => expect(session.all('observed')).toMatchObject([{ b: inFull }, { b: inFull }]));
  });

  it('tells what runs before how an operation ended, so that nobody pushes over what ran before', async () => {
    const made = start();
    const observed = (generation: number) => ({
      [INSTALLATION_ID]: { generation, observedGeneration: generation, state: 'running' as const },
    });
    made.peer.observed = observed(2);
    made.peer.results = [resultOf(1)];
    const session = await hub.session();
    await session.welcome();
    await session.frame('result');
    made.link.sendResult(resultOf(2));
    made.link.reportObserved({ revision: 3, full: false, set: observed(3), delete: [] });
    await eventually(() => expect(session.all('result')).toHaveLength(2));
    const told = session.frames.map(({ t }) => t).filter((t) => t === 'observed' || t === 'result');
    expect(told).toEqual(['observed', 'result', 'observed', 'result']);
  });

  it('merges changes of one moment, the latest wins', async () => {
    const made = start();
    const session = await hub.session();
    await session.welcome();
    await session.frame('heartbeat');
    const report = (revision: number, generation: number) => ({
      revision,
      full: false,
      set: { [INSTALLATION_ID]: { generation, observedGeneration: 1, state: 'running' as const } },
      delete: [],
    });
    made.link.reportObserved(report(1, 1));
    made.link.reportObserved(report(2, 2));
    await eventually(() => expect(session.all('observed')).toHaveLength(2));
    expect(session.all('observed').at(-1)?.b).toEqual(report(2, 2));
  });

  it('sends results again that the hub had not acked when the connection was lost, and no others', async () => {
    const made = start();
    const first = await hub.session();
    await first.welcome();
    await first.frame('heartbeat');
    const operation = CLUSTER_ID;
    for (const revision of [1, 2, 3]) {
      made.peer.results.push(resultOf(revision, operation));
      made.link.sendResult(resultOf(revision, operation));
    }
    const sent = await first.frame('result', 2);
    expect(sent).toMatchObject({ q: 3, b: { revision: 3 } });
    first.send({ t: 'ack', b: { stream: sent.s ?? '', upTo: 2 } });
    await eventually(() => expect(made.peer.acked).toEqual([`${operation} 2`]));
    first.socket.terminate();
    const second = await hub.session(1);
    await second.welcome({ cursors: { [sent.s ?? '']: 3 } });
    expect(await second.frame('result')).toMatchObject({ s: sent.s, q: 4, b: { revision: 3 } });
    expect(second.all('result')).toHaveLength(1);
    second.send({ t: 'ack', b: { stream: sent.s ?? '', upTo: 4 } });
    await eventually(() => expect(made.peer.results).toEqual([]));
  });

  it('makes a result that is too large for a frame fit', async () => {
    const made = start();
    const session = await hub.session();
    await session.welcome();
    await session.frame('heartbeat');
    const fields = Array.from({ length: 20 }, (_, n) => `${'x'.repeat(290)}${n}`);
    const changes = Array.from({ length: 500 }, (_, n) => ({
      action: 'update' as const,
      object: `ConfigMap/${n}`,
      fields,
    }));
    const plan = { digest: `sha256:${'0'.repeat(64)}`, summary: 'much', changes };
    made.link.sendResult({ ...resultOf(1), plan });
    const { b } = await session.frame('result');
    expect(b.plan?.changes).toHaveLength(500);
    expect(b.plan?.changes[0]).toEqual({ action: 'update', object: 'ConfigMap/0' });
  });

  it('keeps events while there is no connection, and counts those it had to drop', async () => {
    const made = start();
    const first = await hub.session();
    await first.welcome();
    const event = (message: string) => ({ kind: 'health.changed' as const, message, at: new Date().toISOString() });
    made.link.sendEvent(event('one'));
    const { s } = await first.frame('event');
    first.send({ t: 'ack', b: { stream: s ?? '', upTo: 1 } });
    first.socket.close(1001);
    await message(made, /shutting down/);
    for (let n = 0; n < 510; n += 1) made.link.sendEvent(event(`n${n}`));
    const second = await hub.session(1);
    await second.welcome({ cursors: { [s ?? '']: 1 } });
    await second.frame('event', 499);
    const last = second.all('event').at(-1);
    second.send({ t: 'ack', b: { stream: s ?? '', upTo: last?.q ?? 0 } });
    const gap = await eventually(() => {
      const found = second.all('event').find(({ b }) => b.kind === 'gap');
      expect(found).toBeDefined();
      return found;
    });
    expect(gap?.b.lost).toBe(10);
  });

  it('sends a heartbeat in the interval the hub asked for', async () => {
    start();
    const session = await hub.session();
    await session.welcome({ heartbeatIntervalMs: 1_000 });
    await session.frame('heartbeat', 1);
    expect(session.all('heartbeat')).toHaveLength(2);
  });
});
