// @module-tag one-try
import type { LatestMetrics, MetricRange, MetricsFrame, MetricSeries, Problem } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FakeAgent } from '../support/fake-agent.ts';
import { OWNER, withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { startFleet, type Fleet } from './fleet/world.ts';

let fleet: Fleet;
const agents: FakeAgent[] = [];

beforeAll(async () => {
  fleet = await startFleet({ env: { STEWARD_METRICS_KEEP_DAYS: '10' } });
  await fleet.publish('1.0.0');
});
afterAll(() => fleet.end());

async function query<T>(sql: string, values: unknown[] = []): Promise<T[]> {
  const url = fleet.running.database.superuserUrl;
  return withClient(url, async (client) => (await client.query<T & object>(sql, values)).rows);
}

const series: MetricSeries[] = [
  ['jobs', { pod: 'a' }],
  ['jobs', { pod: 'b' }],
  ['up', { pod: 'a' }],
];
const TABLE = 'fedcba9876543210';
/** On the minute, half an hour ago. */
const beginMs = Math.floor(Date.now() / 60_000) * 60_000 - 1_800_000;
const minute = (n: number): string => new Date(beginMs + n * 60_000).toISOString();
const range = (from: number, to: number): string => `from=${minute(from)}&to=${minute(to)}`;

async function installed(): Promise<{
  agent: FakeAgent;
  id: string;
  look: (n: number, rest: Partial<MetricsFrame>) => MetricsFrame;
}> {
  const { cluster, agent } = await fleet.connected();
  agents.push(agent);
  const { installation } = await fleet.install(cluster.name);
  const { id } = installation;
  return { agent, id, look: (n, rest) => ({ installationId: id, table: TABLE, t0: minute(n), values: [], ...rest }) };
}

const rangeOf = (id: string, rest: string): Promise<MetricRange> =>
  fleet.owner.get<MetricRange>(`/installations/${id}/metrics/range?name=jobs&${rest}`);

async function stored(id: string): Promise<number | undefined> {
  const [found] = await query<{ count: number }>(
    'SELECT count(*)::int AS count FROM metric_batches WHERE installation_id = $1',
    [id],
  );
  return found?.count;
}

async function rejected(id: string): Promise<string[]> {
  const found = await query<{ problem: string }>(
    'SELECT problem FROM rejected_records WHERE body LIKE $1 ORDER BY created_at',
    [`%${id}%`],
  );
  return found.map(({ problem }) => problem);
}

describe('what an agent measures', () => {
  it('is one row for each look, and is answered by range and as it was last', async () => {
    const { agent, id, look } = await installed();
    agent.metrics(look(0, { series, values: [1, 10, 1] }));
    agent.metrics(look(1, { index: [0], values: [2] }));
    agent.metrics(look(2, { index: [], values: [] }));
    agent.metrics(look(4, { index: [1, 2], values: [null, 0] }));
    await agent.acked();
    expect(await stored(id)).toBe(4);
    expect(await rangeOf(id, range(0, 5))).toEqual({
      name: 'jobs',
      from: minute(0),
      to: minute(5),
      stepSeconds: 60,
      series: [
        { labels: { pod: 'a' }, values: [1, 2, 2, null, 2] },
        { labels: { pod: 'b' }, values: [10, 10, 10, null, null] },
      ],
      leftOut: 0,
    });
    // What has not changed goes on also from before the range.
    expect((await rangeOf(id, range(2, 3))).series.map(({ values }) => values)).toEqual([[2], [10]]);
    expect((await rangeOf(id, `${range(0, 4)}&stepSeconds=120`)).series[0]?.values).toEqual([2, 2]);
    expect(await fleet.owner.get<LatestMetrics>(`/installations/${id}/metrics`)).toEqual({
      at: minute(4),
      series: [
        { name: 'jobs', labels: { pod: 'a' }, value: 2 },
        { name: 'jobs', labels: { pod: 'b' }, value: null },
        { name: 'up', labels: { pod: 'a' }, value: 0 },
      ],
    });
  });

  it('is stored once, whatever comes again: on this session, and on the next', async () => {
    const { agent, id, look } = await installed();
    const first = agent.metrics(look(0, { series, values: [1, 10, 1] }));
    agent.metrics(look(1, { index: [0], values: [2] }));
    await agent.acked();
    agent.send(first);
    await agent.kill();
    const { cursors } = await agent.connect();
    expect(Object.keys(cursors).filter((stream) => stream.startsWith('metrics'))).toEqual([]);
    agent.send({ ...first, b: look(0, { series, values: [7, 7, 7] }) });
    const last = agent.metrics(look(2, { series, values: [3, 10, 1] }));
    await agent.waitFor('ack', ({ b }) => b.stream === last.s && b.upTo === last.q);
    expect(await stored(id)).toBe(3);
    expect((await rangeOf(id, range(0, 3))).series[0]?.values).toEqual([1, 2, 3]);
    const [streams] = await query<{ count: number }>(
      `SELECT count(*)::int AS count FROM agent_streams WHERE stream LIKE 'metrics.%'`,
    );
    expect(streams?.count).toBe(0);
  });

  it('of another cluster is not taken, and what nobody could read is set aside while the stream goes on', async () => {
    const { id, agent, look } = await installed();
    const stranger = await installed();
    agent.metrics(look(0, { series, values: [1, 10, 1] }));
    await agent.acked();
    stranger.agent.metrics(look(1, { series, values: [6, 6, 6] }));
    stranger.agent.metrics(look(2, { values: [6] }));
    await stranger.agent.acked();
    expect(await rejected(id)).toEqual(
      Array.from({ length: 2 }, () => expect.stringContaining('this cluster has no installation')),
    );
    const bad: Partial<MetricsFrame>[] = [
      { table: '0000000000000001', values: [1] },
      { values: [1, 2, 3, 4] },
      { index: [999], values: [1] },
      { t0: '2020-01-01T00:00:00Z', series, values: [1] },
    ];
    for (const [at, rest] of bad.entries()) agent.metrics(look(3 + at, rest));
    agent.metrics(look(9, { values: [5, 10, 1] }));
    await agent.acked();
    expect(await rejected(id)).toHaveLength(2 + bad.length);
    expect(await stored(id)).toBe(2);
    expect((await rangeOf(id, range(9, 10))).series[0]?.values).toEqual([5]);
  });

  it('is asked for in bounds', async () => {
    const { id } = await installed();
    const call = (rest: string) => fleet.owner.call<Problem>('GET', `/installations/${id}/metrics/range?${rest}`);
    expect((await call('name=jobs&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z')).body).toMatchObject({
      status: 400,
      action: expect.stringContaining('at least 2679 seconds'),
    });
    for (const rest of ['', 'name=no-name', 'name=jobs&stepSeconds=1', `name=jobs&${range(5, 4)}`])
      expect((await call(rest)).status, rest).toBe(400);
    expect((await call('name=jobs')).body).toMatchObject({ series: [], leftOut: 0 });
  });
});

describe('the days of metrics', () => {
  const days = async (parent: string): Promise<string[]> => {
    const found = await query<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY 1`,
      [parent],
    );
    return found.map(({ name }) => name.replace(`${parent}_`, ''));
  };

  it('come and go as partitions of the owner, to which nobody else has a right', async () => {
    const { agent, look } = await installed();
    agent.metrics(look(0, { series, values: [1, 10, 1] }));
    await agent.acked();
    // A hub that is told to stop waits for its agents to go.
    for (const one of agents) await one.kill();
    const made = await days('metric_batches');
    expect(made).toHaveLength(5);
    const [last = ''] = made.slice(-1);
    const daysAgo = (n: number): string => new Date(Date.now() - n * 86_400_000).toISOString().slice(0, 10);
    const nameOf = (day: string): string => day.replaceAll('-', '');
    for (const parent of ['metric_batches', 'metric_tables']) {
      await query(`DROP TABLE ${parent}_${last}`);
      // It is told to keep ten.
      for (const n of [12, 9]) {
        const part = `${parent}_${nameOf(daysAgo(n))}`;
        const values = `FROM ('${daysAgo(n)}') TO ('${daysAgo(n - 1)}')`;
        await query(`CREATE TABLE ${part} PARTITION OF ${parent} FOR VALUES ${values}`);
        await query(`ALTER TABLE ${part} OWNER TO ${OWNER}`);
      }
    }
    await fleet.running.restart();
    const kept = [nameOf(daysAgo(9)), ...made].join();
    for (const parent of ['metric_batches', 'metric_tables'])
      await waitUntil(async () => (await days(parent)).join() === kept, { what: `the days of ${parent}` });
    const [rights] = await query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_class, unnest(ARRAY['${OWNER}_app', '${OWNER}_system']) AS role
       WHERE relispartition AND relkind = 'r' AND has_table_privilege(role, oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')`,
    );
    expect(rights?.count).toBe(0);
    const [call] = await query<object>(
      `SELECT has_function_privilege('${OWNER}_app', 'steward_metric_days(integer)', 'EXECUTE') AS app,
              has_function_privilege('${OWNER}_system', 'steward_metric_days(integer)', 'EXECUTE') AS system`,
    );
    expect(call).toEqual({ app: false, system: true });
  });
});
