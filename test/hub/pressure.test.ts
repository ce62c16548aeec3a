import type { CreatedInstallation, Installation, Operation } from '@steward/shared';
import { readFile } from 'node:fs/promises';
import { randomBytes, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiAnswer } from '../support/api.ts';
import type { FakeAgent } from '../support/fake-agent.ts';
import { openFeed, type OpenFeed } from '../support/feed.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;
let agent: FakeAgent;
let cluster: string;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.publish('1.0.0');
  await fleet.publish('1.1.0');
  const connected = await fleet.connected();
  agent = connected.agent;
  cluster = connected.cluster.name;
});
afterAll(() => fleet.end());

async function installed(): Promise<string> {
  const made: CreatedInstallation = await fleet.install(cluster, { version: '1.0.0' });
  await agent.waitFor('desired', ({ b }) => b.operation.id === made.operation.id);
  await agent.carryOut(made.operation.id);
  return made.installation.id;
}

type Answer = ApiAnswer<Operation & { type?: string }>;

function push(id: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return fleet.owner.call('POST', `/installations/${id}/operations`, body, headers);
}

/** As clients do that are told when to come again. */
async function pushUntilTaken(id: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  for (;;) {
    const answer = await push(id, body, headers);
    if (answer.headers['retry-after'] === undefined) return answer;
    await delay(20 + Math.random() * 200);
  }
}

const told = ({ status, body }: Answer): string => `${status} ${body.type?.split('/').at(-1) ?? ''}`.trim();

async function rssMib(): Promise<number> {
  const status = await readFile(`/proc/${fleet.running.hub.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

/** Looks at a path again and again while the work goes on. @returns every status that was seen */
async function seenDuring(path: string, work: Promise<unknown>): Promise<Set<number>> {
  let isOver = false;
  const over = work.finally(() => (isOver = true));
  const seen = new Set<number>();
  while (!isOver) {
    seen.add((await fleet.owner.as(undefined).call('GET', path)).status);
    await delay(50);
  }
  await over;
  return seen;
}

describe('a thousand pushes at once', () => {
  it('to one installation: one wins, the others are told, and health, readiness and the agent do not mind', async () => {
    const id = await installed();
    const wanted = { kind: 'upgrade', version: '1.1.0', expectedGeneration: 1 };
    const pushing = Promise.all(Array.from({ length: 1_000 }, () => push(id, wanted)));
    const [healthy, ready, answers] = await Promise.all([
      seenDuring('/healthz', pushing),
      seenDuring('/readyz', pushing),
      pushing,
    ]);
    const ends = answers.filter(({ headers }) => headers['retry-after'] === undefined).map(told);
    expect(ends.filter((end) => end === '201')).toHaveLength(1);
    expect([...new Set(ends)].filter((end) => !['201', '409 conflict'].includes(end))).toEqual([]);
    const later = answers.filter(({ headers }) => headers['retry-after'] !== undefined).map(told);
    expect(later).toContain('429 too-many-requests');
    expect([[...healthy], [...ready]]).toEqual([[200], [200]]);
    expect((await fleet.owner.get<Installation>(`/installations/${id}`)).generation).toBe(2);
    const [won] = answers.filter(({ status }) => status === 201);
    await agent.waitFor('desired', ({ b }) => b.operation.id === won?.body.id);
    await agent.carryOut(won?.body.id ?? '');
  });

  it('that are one push, sent by somebody who hears nothing, are one operation', async () => {
    const id = await installed();
    const wanted = { kind: 'upgrade', version: '1.1.0' };
    const key = { 'idempotency-key': 'invoice-4711' };
    const answers = await Promise.all(Array.from({ length: 200 }, () => pushUntilTaken(id, wanted, key)));
    expect(new Set(answers.map(told))).toEqual(new Set(['201']));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await fleet.owner.get<Installation>(`/installations/${id}`)).generation).toBe(2);
  });

  it('to many installations: each has one', async () => {
    const ids: string[] = [];
    for (let made = 0; made < 20; made += 1) ids.push(await installed());
    const wanted = { kind: 'upgrade', version: '1.1.0', expectedGeneration: 1 };
    const all = Array.from({ length: 200 }, (_, at) => pushUntilTaken(ids[at % ids.length] ?? '', wanted));
    const ends = (await Promise.all(all)).map(told);
    expect(ends.filter((end) => end === '201')).toHaveLength(ids.length);
    expect(new Set(ends)).toEqual(new Set(['201', '409 conflict']));
  });
});

describe('callers who have not said who they are, while the database is slow', () => {
  /** Nobody reads the table while the work goes on; whoever tries waits, and keeps a connection. */
  async function whileLocked(table: string, work: () => Promise<void>): Promise<void> {
    await withClient(fleet.running.database.superuserUrl, async (client) => {
      await client.query('BEGIN');
      await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      await work();
      await client.query('ROLLBACK');
    });
  }

  it.each([
    ['/readyz', 'schema_migrations'],
    ['/metrics', 'operations'],
  ])('take one connection by asking for %s, and leave the others to those who have', async (path, table) => {
    const anybody = fleet.owner.as(undefined);
    let asked: Promise<ApiAnswer<unknown>[]> | undefined;
    await whileLocked(table, async () => {
      asked = Promise.all(Array.from({ length: 100 }, () => anybody.call('GET', path)));
      for (let looked = 0; looked < 20; looked += 1) expect((await fleet.owner.call('GET', '/me')).status).toBe(200);
    });
    expect(new Set((await asked)?.map(({ status }) => status))).toEqual(new Set([200]));
  });

  const digest = `sha256:${'0'.repeat(64)}`;
  const credential = (): string => `stw_t_${randomBytes(32).toString('base64url')}`;
  it.each<[string, string, string, () => string]>([
    ['GET', '/api/v1/feed', 'api_tokens', credential],
    ['PUT', `/api/v1/charts/${digest}`, 'api_tokens', credential],
    ['GET', `/agent/v1/charts/${digest}`, 'clusters', () => agent.token({ claims: { sub: randomUUID() } })],
  ])('wait for %s %s only as many as there are places for an address', async (method, path, table, token) => {
    const hub = fleet.owner.as(undefined);
    const ask = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${token()}` };
      return (await hub.call(method, path, method === 'PUT' ? Buffer.from('x') : undefined, headers)).status;
    };
    const statuses: number[] = [];
    const asking: Promise<unknown>[] = [];
    await whileLocked(table, async () => {
      for (let sent = 0; sent < 200; sent += 1) asking.push(ask().then((status) => statuses.push(status)));
      const refused = () => statuses.filter((status) => status === 429).length;
      await waitUntil(() => refused() === 200 - 128, { what: 'all but 128 are sent away' });
    });
    await Promise.all(asking);
    expect(await ask()).toBe(401);
  });
});

it('open feeds of one caller take none of its places', async () => {
  const feeds: OpenFeed[] = [];
  for (let open = 0; open < 40; open += 1) feeds.push(await openFeed(fleet.owner));
  expect(await fleet.owner.get('/me')).toMatchObject({ role: 'owner' });
  for (const feed of feeds) await feed.close();
});

describe('bodies that never end, of callers who have not said who they are', () => {
  const sockets: Socket[] = [];
  afterAll(() => sockets.forEach((socket) => socket.destroy()));

  async function halfABody({ hostname, port }: URL): Promise<void> {
    const socket = connect(Number(port), hostname)
      .on('error', () => undefined)
      .resume();
    sockets.push(socket);
    const head =
      'POST /api/v1/installations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n';
    socket.write(head);
    await new Promise((resolve) => socket.write(Buffer.alloc(900_000, ' '), resolve));
  }

  /** From an address of its own, without a token: 401 once its body was read. More than what one that was sent away has given back. */
  function askFrom(localAddress: string): Promise<number> {
    const { hostname, port } = new URL(fleet.running.hub.url);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const options = { host: hostname, port, method: 'POST', path: '/api/v1/installations', localAddress, agent: false };
    const outgoing = request({ ...options, headers: { 'content-type': 'application/json' } });
    outgoing.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.on('error', reject);
    outgoing.end(`{}${' '.repeat(1_000_000)}`);
    return promise;
  }

  it('take no more memory than there is for them, and no place from anybody else', async () => {
    const before = await rssMib();
    const url = new URL(fleet.running.hub.url);
    await Promise.all(Array.from({ length: 300 }, () => halfABody(url)));
    await waitUntil(async () => (await askFrom('127.0.0.1')) === 429, { what: 'no room is left for their address' });
    expect(await askFrom('127.0.0.2')).toBe(401);
    expect(await fleet.owner.get('/me')).toMatchObject({ role: 'owner' });
    // 270 MB were sent.
    expect((await rssMib()) - before).toBeLessThan(150);
    for (const socket of sockets) socket.destroy();
    await waitUntil(async () => (await askFrom('127.0.0.1')) === 401, { what: 'there is room again' });
  });
});
