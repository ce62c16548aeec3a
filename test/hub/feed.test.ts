// @module-tag one-try
import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { CreatedApiToken, Customer } from '@steward/shared';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi, type Api } from '../support/api.ts';
import { openFeed, type FeedMessage, type OpenFeed } from '../support/feed.ts';
import { startHubWithDatabase, type HubWithDatabase } from '../support/hub-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const TYPE = 'installation.changed';
let running: HubWithDatabase;
let owner: Api;
let organizationId: string;
let customers: Customer[];
const open: OpenFeed[] = [];

beforeAll(async () => {
  running = await startHubWithDatabase({ env: { STEWARD_FEED_KEEP_EVENTS: '5000' } });
  owner = await running.hub.owner();
  organizationId = (await owner.get<{ id: string }>('/organization')).id;
  customers = [];
  for (const slug of ['first', 'second'])
    customers.push(await owner.post<Customer>('/customers', { slug, name: slug }));
});
afterAll(async () => {
  await Promise.all(open.map((feed) => feed.close()));
  await running.end();
});

async function follow(api: Api, path = '/feed', lastId?: string): Promise<OpenFeed> {
  const feed = await openFeed(api, path, lastId === undefined ? {} : { 'last-event-id': lastId });
  open.push(feed);
  return feed;
}

/** A writer with its own connection, which publishes as the hub does. */
async function withWriter<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: running.database.superuserUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function insert(
  client: pg.Client,
  name: string,
  customerId: string | null = null,
  more: object = {},
): Promise<void> {
  await client.query('INSERT INTO feed_events (organization_id, customer_id, type, data) VALUES ($1, $2, $3, $4)', [
    organizationId,
    customerId,
    TYPE,
    JSON.stringify({ name, ...more }),
  ]);
  await client.query(`SELECT pg_notify('steward_feed', $1)`, [organizationId]);
}

function namesOf(messages: readonly FeedMessage[]): string[] {
  return messages.map(({ data }) => (data as { name: string }).name);
}

async function tokenOf(customer: string): Promise<Api> {
  const made = await owner.post<CreatedApiToken>('/tokens', { name: 'feed', role: 'customer-viewer', customer });
  return owner.as(made.token);
}

describe('the live feed', () => {
  it('tells at once what is committed, in order', async () => {
    const feed = await follow(owner);
    await withWriter(async (client) => {
      await insert(client, 'a');
      await insert(client, 'b');
    });
    expect(namesOf(await feed.take(2, TYPE))).toEqual(['a', 'b']);
  });

  it('resumes after the last id, without what was seen before', async () => {
    const first = await follow(owner);
    await withWriter((client) => insert(client, 'seen'));
    await first.take(1, TYPE);
    await first.close();
    await withWriter((client) => insert(client, 'missed'));
    for (const again of [
      await follow(owner, '/feed', first.lastId),
      await follow(owner, `/feed?after=${first.lastId ?? ''}`),
    ]) {
      await withWriter((client) => insert(client, 'live'));
      expect(namesOf(await again.take(2, TYPE)).slice(0, 2)).toEqual(['missed', 'live']);
      await again.close();
    }
  });

  it('withholds an event behind an older transaction that still runs, so that a resumed reader misses nothing', async () => {
    const feed = await follow(owner);
    await withWriter(async (late) => {
      await late.query('BEGIN');
      await insert(late, 'late');
      await withWriter((early) => insert(early, 'early'));
      // A reader that had been told of "early" here and resumed behind it would never see "late".
      const resumed = await follow(owner, '/feed', feed.lastId);
      await sleep(300);
      expect([...feed.messages, ...resumed.messages]).toEqual([]);
      await late.query('COMMIT');
      expect(namesOf(await feed.take(2, TYPE))).toEqual(['late', 'early']);
      expect(namesOf(await resumed.take(2, TYPE))).toEqual(['late', 'early']);
    });
  });

  it('does not need to be woken again for an event that an unrelated transaction held back', async () => {
    const feed = await follow(owner);
    await withWriter(async (unrelated) => {
      await unrelated.query('BEGIN');
      await unrelated.query('SELECT pg_current_xact_id()');
      await withWriter((client) => insert(client, 'held back'));
      await sleep(300);
      expect(feed.messages).toEqual([]);
      await unrelated.query('COMMIT');
      expect(namesOf(await feed.take(1, TYPE))).toEqual(['held back']);
    });
  });

  it('gives every event exactly once to a reader that keeps reconnecting while many write and commit late', async () => {
    const anchor = await follow(owner);
    const wanted: string[] = [];
    let isWriting = true;
    const writers = Array.from({ length: 6 }, (_, writer) =>
      withWriter(async (client) => {
        for (let i = 0; i < 40; i += 1) {
          const name = `${writer}-${i}`;
          await client.query('BEGIN');
          await insert(client, name);
          await sleep(Math.random() * 15);
          const isKept = Math.random() > 0.1;
          await client.query(isKept ? 'COMMIT' : 'ROLLBACK');
          if (isKept) wanted.push(name);
        }
      }),
    );
    const seen: string[] = [];
    let lastId = anchor.lastId;
    const reading = (async () => {
      const deadline = Date.now() + 20_000;
      while ((isWriting || seen.length < wanted.length) && Date.now() < deadline) {
        const feed = await follow(owner, '/feed', lastId);
        await sleep(Math.random() * 80);
        await feed.close();
        seen.push(...namesOf(feed.messages));
        lastId = feed.lastId;
      }
    })();
    await Promise.all(writers);
    isWriting = false;
    await reading;
    expect(seen.toSorted()).toEqual(wanted.toSorted());
    expect(namesOf(await anchor.take(wanted.length, TYPE))).toEqual(seen);
  });

  it('shows a customer what is its own, and the vendor everything', async () => {
    const [first, second] = customers;
    const feeds = [await follow(await tokenOf('first')), await follow(await tokenOf('second')), await follow(owner)];
    await withWriter(async (client) => {
      await insert(client, 'of the first', first?.id);
      await insert(client, 'of the second', second?.id);
      await insert(client, "the vendor's");
    });
    const seen = [await feeds[0]?.take(1, TYPE), await feeds[1]?.take(1, TYPE), await feeds[2]?.take(3, TYPE)];
    expect(seen.map((messages) => namesOf(messages ?? []))).toEqual([
      ['of the first'],
      ['of the second'],
      ['of the first', 'of the second', "the vendor's"],
    ]);
  });

  it('filters by type and by installation, and its id moves on all the same', async () => {
    const id = '11111111-2222-4333-8444-555555555555';
    const [byName, byId, byType] = [
      await follow(owner, '/feed?installation=wanted'),
      await follow(owner, `/feed?installation=${id}`),
      await follow(owner, '/feed?type=cluster.changed'),
    ];
    await withWriter(async (client) => {
      await insert(client, 'other', null, { id: '99999999-2222-4333-8444-555555555555' });
      await insert(client, 'wanted', null, { id });
    });
    expect(namesOf(await byName.take(1))).toEqual(['wanted']);
    expect(namesOf(await byId.take(1))).toEqual(['wanted']);
    await withWriter((client) =>
      client.query(
        `INSERT INTO feed_events (organization_id, type, data) VALUES ($1, 'cluster.changed', '{"name":"c"}')`,
        [organizationId],
      ),
    );
    await withWriter((client) => client.query(`SELECT pg_notify('steward_feed', $1)`, [organizationId]));
    expect(namesOf(await byType.take(1))).toEqual(['c']);
    expect(byType.messages.map(({ type }) => type)).toEqual(['cluster.changed']);
  });

  it('refuses an id it has not made', async () => {
    const answer = await owner.call('GET', '/feed?after=yesterday');
    expect(answer.status).toBe(400);
  });

  it('says reset for an id from another time, and goes on from now', async () => {
    const feed = await follow(owner, '/feed', '99999999999-1');
    expect((await feed.take(1)).map(({ type }) => type)).toEqual(['reset']);
    await withWriter((client) => insert(client, 'after the reset'));
    expect(namesOf(await feed.take(1, TYPE))).toEqual(['after the reset']);
  });
});

describe('streams that must not go on', () => {
  it.concurrent('ends with the token it was opened with', async () => {
    const other = await startHubWithDatabase();
    const api = await other.hub.owner();
    const made = await api.post<CreatedApiToken>('/tokens', { name: 'soon gone', role: 'viewer' });
    const feed = await openFeed(api.as(made.token));
    await api.call('DELETE', `/tokens/${made.id}`);
    await waitUntil(() => feed.isEnded, { what: 'the stream ends', timeoutMs: 20_000 });
    await other.end();
  });

  it.concurrent('cuts off a reader that does not read, and not one that does', async () => {
    const { hostname, port } = new URL(owner.url);
    const slow = connect(Number(port), hostname);
    slow.on('error', () => undefined);
    slow.write(`GET /api/v1/feed HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${owner.token ?? ''}\r\n\r\n`);
    await once(slow, 'readable');
    const good = await follow(owner);
    const streams = async () =>
      Number(/^steward_feed_streams (\d+)/m.exec(String((await owner.call('GET', '/metrics')).body))?.[1]);
    // Counted first: on a busy machine the slow one is cut off before the good one has read all.
    const all = await streams();
    const padding = 'x'.repeat(200_000);
    const total = 150;
    await withWriter(async (client) => {
      for (let i = 0; i < total; i += 1) await insert(client, `big ${i}`, null, { padding });
    });
    await good.take(total, TYPE);
    await waitUntil(async () => (await streams()) < all, {
      what: 'the reader is cut off',
      timeoutMs: 20_000,
    });
    let received = 0;
    slow.on('data', (bytes) => (received += bytes.length));
    await once(slow, 'close');
    expect(received).toBeLessThan(total * padding.length);
  });
});

describe('the live feed after it was cleaned', () => {
  it('says reset to a reader whose place is gone, and keeps the newest events', async () => {
    const cleaned = await startHubWithDatabase();
    const api = await cleaned.hub.owner();
    const first = await openFeed(api);
    const { id } = await api.get<{ id: string }>('/organization');
    const client = new pg.Client({ connectionString: cleaned.database.superuserUrl });
    await client.connect();
    for (let i = 0; i < 20; i += 1)
      await client.query(`INSERT INTO feed_events (organization_id, type, data) VALUES ($1, $2, $3)`, [
        id,
        TYPE,
        { name: String(i) },
      ]);
    await client.query(`SELECT pg_notify('steward_feed', $1)`, [id]);
    const seen = await first.take(20, TYPE);
    const [old, kept] = [seen[3]?.id, seen[16]?.id];
    await first.close();
    const again = await cleaned.restart({ env: { STEWARD_FEED_KEEP_EVENTS: '5' } });
    const reader = createApi(again.url, { token: api.token ?? '' });
    await waitUntil(async () => (await client.query('SELECT FROM feed_events')).rowCount === 5, {
      what: 'only five events are kept',
    });
    const [late, fine] = [
      await openFeed(reader, '/feed', { 'last-event-id': old ?? '' }),
      await openFeed(reader, '/feed', { 'last-event-id': kept ?? '' }),
    ];
    expect((await late.take(1)).map(({ type }) => type)).toEqual(['reset']);
    expect(namesOf(await fine.take(3))).toEqual(['17', '18', '19']);
    await late.close();
    await fine.close();
    await client.end();
    await cleaned.end();
  });
});
