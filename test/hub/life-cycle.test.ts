import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import { AGENT_PATHS, IDEMPOTENCY_KEY_HEADER } from '@steward/shared';
import pg from 'pg';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { HUB_PROGRAM } from '../../scripts/process.ts';
import { createApi, type Api } from '../support/api.ts';
import { command } from '../support/command.ts';
import { openFeed } from '../support/feed.ts';
import { startHub } from '../support/hub.ts';
import { startHubWithDatabase } from '../support/hub-database.ts';
import { migrateDatabase, startPostgresServer } from '../support/postgres-server.ts';
import { cloneDatabase, createOwner, OWNER, ownerUrl, withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, unique } from './fleet/world.ts';

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'steward-hub-'));
  undo.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs a hub that is expected not to start. */
function runHub(env: Record<string, string>): ReturnType<typeof command> {
  return command(process.execPath, [HUB_PROGRAM], { env: { STEWARD_LISTEN: '127.0.0.1:0', ...env } });
}

interface HalfSent {
  hasBegun(): boolean;
  /** Sends the rest. */
  finish(): Promise<{ status: number; retryAfter: string | undefined; body: unknown }>;
}

/** A POST of which the first bytes are sent. */
function sendHalf({ url, token }: Api, path: string, value: unknown): HalfSent {
  const body = JSON.stringify(value);
  const slow = httpRequest(new URL(path, url), {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token ?? ''}`,
      'content-type': 'application/json',
      'content-length': body.length,
    },
  });
  slow.write(body.slice(0, 5));
  return {
    hasBegun: () => (slow.socket?.bytesWritten ?? 0) > 0,
    finish: async () => {
      const answered = once(slow, 'response');
      slow.end(body.slice(5));
      const [response] = (await answered) as [IncomingMessage];
      const { statusCode = 0, headers } = response;
      return { status: statusCode, retryAfter: headers['retry-after'], body: JSON.parse(await text(response)) };
    },
  };
}

describe('a hub that is told to stop', () => {
  it('finishes what it has begun, ends streams, takes nothing new, and exits with 0', async () => {
    const running = await startHubWithDatabase();
    const owner = await running.hub.owner();
    const feed = await openFeed(owner);
    const slow = sendHalf(owner, '/api/v1/customers', { slug: 'slow', name: 'Slow' });
    await waitUntil(() => slow.hasBegun(), { what: 'the request has begun' });
    await owner.get('/me');
    const stopped = running.hub.stop();
    await waitUntil(() => feed.isEnded, { what: 'the stream ends' });
    await waitUntil(
      () =>
        owner.call('GET', '/me').then(
          () => false,
          () => true,
        ),
      { what: 'new connections are refused' },
    );
    expect(await slow.finish()).toMatchObject({ status: 201, body: { slug: 'slow' } });
    expect(await stopped).toBe(0);
    await running.end();
  });

  it('tells a push whose parameters it does not check any more to come again, and not that they are wrong', async () => {
    const fleet = await startFleet();
    await fleet.publish('1.0.0');
    const { cluster } = await fleet.cluster();
    const pushes = Array.from({ length: 5 }, () =>
      sendHalf(fleet.owner, '/api/v1/installations', {
        name: unique(),
        cluster: cluster.name,
        service: 'nats',
        parameters: { replicas: 2 },
      }),
    );
    await waitUntil(() => pushes.every((push) => push.hasBegun()), { what: 'the requests have begun' });
    const feed = await openFeed(fleet.owner);
    const stopped = fleet.running.hub.stop();
    await waitUntil(() => feed.isEnded, { what: 'the hub ends what goes on' });
    // One after the other: the first may still be checked.
    const answers: Awaited<ReturnType<HalfSent['finish']>>[] = [];
    for (const push of pushes) answers.push(await push.finish());
    expect(answers.filter(({ status }) => status !== 201 && status !== 503)).toEqual([]);
    expect(answers.at(-1)).toMatchObject({
      status: 503,
      retryAfter: '2',
      body: { type: 'https://steward.dev/problems/shutting-down' },
    });
    expect(await stopped).toBe(0);
    await fleet.end();
  });

  it('does not wait for a request that never ends', async () => {
    const running = await startHubWithDatabase();
    const { hostname, port } = new URL(running.hub.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.write(
      'POST /api/v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    await waitUntil(() => socket.bytesWritten > 0, { what: 'the request has begun' });
    await createApi(running.hub.url).call('GET', '/healthz');
    const since = Date.now();
    expect(await running.hub.stop()).toBe(0);
    expect(Date.now() - since).toBeLessThan(15_000);
    await running.end();
  });
});

describe('starting', () => {
  it('says the password at the first start only', async () => {
    const running = await startHubWithDatabase();
    expect(running.hub.ownerPassword).toMatch(/^\S{20,}$/);
    expect(running.hub.logs.join('\n')).not.toContain(running.hub.ownerPassword);
    const again = await running.restart();
    expect(again.ownerPassword).toBeUndefined();
    await running.end();
  });

  it('names every bad variable at once, without its value', async () => {
    const { code, stderr } = await runHub({
      STEWARD_DATABASE_URL: 'mysql://user:hidden-password@host/db',
      STEWARD_LISTEN: 'everywhere',
      STEWARD_TLS: 'maybe',
    });
    expect(code).toBe(1);
    for (const name of ['STEWARD_DATABASE_URL', 'STEWARD_LISTEN', 'STEWARD_TLS']) expect(stderr).toContain(name);
    expect(stderr).not.toContain('hidden-password');
  });

  it('says that a port is in use', async () => {
    const database = await cloneDatabase(inject('postgresUrl'));
    undo.push(() => database.drop());
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    undo.push(async () => server.close());
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const { code, stderr } = await runHub({
      STEWARD_DATABASE_URL: database.url,
      STEWARD_DATA_DIR: await temporaryDirectory(),
      STEWARD_LISTEN: `127.0.0.1:0,127.0.0.1:${address.port}`,
    });
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${address.port}: another program listens there`);
  });

  it('refuses a superuser, an owner, a role with BYPASSRLS and one that can be the system role where tenants must be kept apart', async () => {
    const database = await cloneDatabase(inject('postgresUrl'));
    undo.push(() => database.drop());
    await withClient(database.superuserUrl, async (client) => {
      await client.query('DROP ROLE IF EXISTS bypassing');
      await client.query('CREATE ROLE bypassing LOGIN BYPASSRLS');
      await client.query('DROP ROLE IF EXISTS climbing');
      await client.query(`CREATE ROLE climbing LOGIN NOINHERIT IN ROLE ${OWNER}_system`);
    });
    const as = (role: string) => {
      const url = new URL(database.url);
      url.username = role;
      return url.href;
    };
    const refusals = [
      ['postgres', 'is a superuser'],
      [OWNER, "owns the hub's tables"],
      ['bypassing', 'has BYPASSRLS'],
      [`${OWNER}_system`, 'is the system role'],
      ['climbing', `is the system role "${OWNER}_system", or a member of it`],
    ] as const;
    for (const [role, why] of refusals) {
      const { code, stderr } = await runHub({
        STEWARD_DATABASE_URL: database.url,
        STEWARD_DATABASE_APP_URL: as(role),
        STEWARD_DATABASE_SYSTEM_URL: as(`${OWNER}_system`),
      });
      expect([code, stderr]).toEqual([1, expect.stringContaining(`"${role}" ${why}`)]);
    }
  });

  it('takes a missing database as final', async () => {
    const database = await cloneDatabase(inject('postgresUrl'));
    undo.push(() => database.drop());
    const missing = new URL(database.url);
    missing.pathname = '/nowhere';
    const { code, stderr } = await runHub({ STEWARD_DATABASE_URL: missing.href });
    expect([code, stderr]).toEqual([1, expect.stringContaining('create it, or correct STEWARD_DATABASE_URL')]);
  });
});

describe('a database that is gone', () => {
  it('is told to callers, and everything goes on by itself when it is back', async () => {
    const server = await startPostgresServer();
    undo.push(() => server.stop());
    await createOwner(server.url);
    const url = ownerUrl(server.url, 'steward_template');
    await migrateDatabase(url);
    const hub = await startHub({ databaseUrl: url });
    undo.push(() => hub.stop());
    const owner = await hub.owner();
    const feed = await openFeed(owner);
    expect((await owner.call('GET', '/readyz')).status).toBe(200);

    // This server commits lazily: what was written so far has to survive its crash.
    await withClient(server.url, (client) => client.query('CHECKPOINT'));
    await server.kill();
    const [me, ready, alive] = [
      await owner.call('GET', '/me'),
      await owner.call('GET', '/readyz'),
      await owner.call('GET', '/healthz'),
    ];
    expect(me).toMatchObject({ status: 503, body: { type: 'https://steward.dev/problems/database-unavailable' } });
    expect(me.headers['retry-after']).toBeDefined();
    expect([ready.status, alive.status]).toEqual([503, 200]);

    await server.start();
    await waitUntil(async () => (await owner.call('GET', '/readyz')).status === 200, {
      what: 'the hub is ready again',
    });
    expect((await owner.call('GET', '/me')).status).toBe(200);
    const { id } = await owner.get<{ id: string }>('/organization');
    await withClient(ownerUrl(server.url, 'steward_template').replace(OWNER, 'postgres'), async (client) => {
      await client.query(`INSERT INTO feed_events (organization_id, type, data) VALUES ($1, 'cluster.changed', '{}')`, [
        id,
      ]);
      await client.query(`SELECT pg_notify('steward_feed', $1)`, [id]);
    });
    await feed.take(1, 'cluster.changed');
    await feed.close();
  });
});

describe('the embedded database', { tags: ['one-try'] }, () => {
  it('belongs to one hub, survives its hub being killed, and is stopped with it', async () => {
    const dataDir = await temporaryDirectory();
    const embedded = { STEWARD_DATABASE_URL: '', STEWARD_TLS: 'off' };
    const first = await startHub({ databaseUrl: '', dataDir, env: embedded });
    const owner = await first.owner();
    await owner.post('/customers', { slug: 'kept', name: 'Kept' });

    const second = await runHub({ ...embedded, STEWARD_DATA_DIR: dataDir });
    expect([second.code, second.stderr]).toEqual([
      1,
      expect.stringContaining('another hub is using the data directory'),
    ]);

    await first.kill();
    const again = await startHub({ databaseUrl: '', dataDir, env: embedded });
    expect(again.ownerPassword).toBeUndefined();
    const api = createApi(again.url, { token: owner.token ?? '' });
    expect(await api.get('/customers/kept')).toMatchObject({ name: 'Kept' });
    const pid = Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);
    process.kill(pid, 'SIGKILL');
    await waitUntil(
      async () => (await api.call('GET', '/readyz')).status === 200 && (await api.get('/customers/kept')),
      {
        what: 'the hub starts its database again',
        timeoutMs: 20_000,
      },
    );
    expect(await again.stop()).toBe(0);
    await expect(readFile(join(dataDir, 'postgres', 'postmaster.pid'))).rejects.toThrow('ENOENT');
  });
});

describe('listening', () => {
  it('serves every address by TLS with its own authority, whose certificate and key outlive a restart', async () => {
    const dataDir = await temporaryDirectory();
    const options = { tls: 'self', listen: '127.0.0.1:0,127.0.0.2:0', dataDir } as const;
    const running = await startHubWithDatabase(options);
    const seen: string[] = [];
    for (const url of running.hub.urls) {
      const { hostname, port } = new URL(url);
      const socket = tlsConnect({ host: hostname, port: Number(port), ca: running.hub.caPem ?? '' });
      await once(socket, 'secureConnect');
      seen.push(socket.getPeerX509Certificate()?.publicKey.export({ format: 'pem', type: 'spki' }).toString() ?? '');
      socket.destroy();
      const api = createApi(url, { caPem: running.hub.caPem ?? '' });
      expect((await api.call('GET', '/healthz')).status).toBe(200);
    }
    expect(new Set(seen).size).toBe(1);
    const caPem = running.hub.caPem;
    const again = await running.restart({ ...options, listen: '127.0.0.1:0,127.0.0.3:0' });
    expect(again.caPem).toBe(caPem);
    const { hostname, port } = new URL(again.urls[1] ?? '');
    const socket = tlsConnect({ host: hostname, port: Number(port), ca: caPem ?? '' });
    await once(socket, 'secureConnect');
    expect(socket.getPeerX509Certificate()?.publicKey.export({ format: 'pem', type: 'spki' })).toBe(seen[0]);
    socket.destroy();
    await running.end();
  });

  it('takes the word of a trusted proxy, and of nobody else, about where a request is from', async () => {
    const running = await startHubWithDatabase({
      listen: '127.0.0.1:0,127.0.0.2:0',
      env: { STEWARD_TRUSTED_PROXIES: '127.0.0.2/32' },
    });
    const remotes: unknown[] = [];
    for (const [index, localAddress] of ['127.0.0.2', '127.0.0.1'].entries()) {
      const path = `/api/v1/nothing-${index}`;
      const asked = httpRequest(new URL(path, running.hub.urls[0]), {
        localAddress,
        headers: { 'x-forwarded-for': '203.0.113.9' },
      });
      asked.end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      response.resume();
      const line = await waitUntil(() => running.hub.logs.find((logged) => logged.includes(path)), {
        what: 'it is logged',
      });
      remotes.push((JSON.parse(line) as { remote?: string }).remote);
    }
    expect(remotes).toEqual(['203.0.113.9', '127.0.0.1']);
    await running.end();
  });

  it('ends the connection of a refused upgrade by itself', async () => {
    const running = await startHubWithDatabase();
    const { hostname, port } = new URL(running.hub.url);
    // One that never ends its own side.
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.write(`GET ${AGENT_PATHS.connect} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1.1 4/);
    // Only what the other side has closed for good answers a write with a reset.
    const reset = once(socket, 'error');
    const writing = setInterval(() => socket.write('x'), 50);
    expect(await reset.then(([error]) => (error as NodeJS.ErrnoException).code)).toMatch(/ECONNRESET|EPIPE/);
    clearInterval(writing);
    socket.destroy();
    await running.end();
  });

  it.each(['h2c', 'websocket'])(
    'answers a request that would rather be %s as the request it is, on every address',
    async (upgrade) => {
      const running = await startHubWithDatabase({ listen: '127.0.0.1:0,127.0.0.2:0' });
      for (const url of running.hub.urls) {
        const api = createApi(url);
        const wish = { connection: 'upgrade', upgrade };
        expect((await api.call('GET', '/healthz', undefined, wish)).status).toBe(200);
        const lost = await api.call('POST', '/nothing', { a: 1 }, wish);
        expect(lost).toMatchObject({ status: 404, body: { type: expect.stringContaining('/not-found') } });
      }
      await running.end();
    },
  );
});

interface DescribedOperation {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, unknown>;
}

describe('the OpenAPI document', () => {
  it('describes every route of the API with schemas of the contract', async () => {
    const running = await startHubWithDatabase();
    const { body } = await createApi(running.hub.url).call<{
      openapi: string;
      paths: Record<string, Record<string, DescribedOperation>>;
      components: { schemas: Record<string, unknown> };
    }>('GET', '/openapi.json');
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining(['/api/v1/users/{id}', '/api/v1/feed', '/api/v1/me']),
    );
    expect(Object.keys(body.components.schemas)).toEqual(
      expect.arrayContaining(['User', 'Customer', 'Problem', 'Identity']),
    );
    const references = JSON.stringify(body).matchAll(/"#\/components\/(\w+)\/(\w+)"/g);
    for (const [, kind = '', name = ''] of references)
      expect((body.components as Record<string, Record<string, unknown>>)[kind]?.[name], name).toBeDefined();
    const { '/api/v1/releases': releases, '/api/v1/charts/{digest}': charts } = body.paths;
    expect(Object.keys(releases?.['post']?.responses ?? {})).toEqual(['200', '201', 'default']);
    expect(releases?.['post']?.responses['200']).toEqual(releases?.['post']?.responses['201']);
    expect(Object.keys(charts?.['put']?.requestBody?.content ?? {})).toEqual([
      'application/octet-stream',
      'application/gzip',
    ]);
    const keyed = Object.entries(body.paths).filter(([, { post }]) =>
      post?.parameters?.some((one) => one.in === 'header' && one.name === IDEMPOTENCY_KEY_HEADER),
    );
    expect(keyed.map(([path]) => path).toSorted()).toEqual([
      '/api/v1/installations',
      '/api/v1/installations/{id}/operations',
    ]);
    await running.end();
  });
});

describe('a database of PostgreSQL', () => {
  it('keeps no connection of a stopped hub', async () => {
    const running = await startHubWithDatabase();
    await running.hub.stop();
    const client = new pg.Client({ connectionString: running.database.superuserUrl });
    await client.connect();
    const { rows } = await client.query(
      `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
    await client.end();
    expect(rows).toEqual([]);
    await running.end();
  });
});
