import { performance } from 'node:perf_hooks';
import { gzipSync } from 'node:zlib';
import {
  generateReleaseKey,
  sha256,
  signRelease,
  type CreatedCluster,
  type CreatedInstallation,
  type MetricsFrame,
  type MetricSeries,
} from '@steward/shared';
import type { Api } from '../support/api.ts';
import { FakeAgent } from '../support/fake-agent.ts';
import { hubAddress } from '../support/hub-address.ts';
import { startHub } from '../support/hub.ts';
import { migrateDatabase, startPostgresServer } from '../support/postgres-server.ts';
import { cloneDatabase, createOwner, ownerUrl, TEMPLATE, withClient } from '../support/postgres.ts';
import { median, progress, rounded, type Figures } from './figures.ts';

const INSTALLATIONS = 4;
const SERIES = 500;
const LOOKS = 24 * 60;
const TRIALS = 21;
const AT_ONCE = 60;

const series = Array.from({ length: SERIES }, (_, n): MetricSeries => [
  `metric_${n % 5}`,
  { pod: `web-${n}`, endpoint: 'web' },
]);

/** A third are counters that rise, a third gauges that move now and then, a third never change. */
function next(values: readonly number[]): number[] {
  return values.map((value, n) => {
    if (n % 3 === 0) return value + Math.floor(Math.random() * 1_000);
    return n % 3 === 1 && Math.random() < 0.2 ? Math.random() * 1e6 : value;
  });
}

/** A release and a customer to install for: nothing runs anywhere. */
async function prepare(api: Api): Promise<void> {
  const key = generateReleaseKey();
  const chart = gzipSync(Buffer.from('bench'));
  await api.post('/release-keys', { name: 'bench', publicKey: key.key.publicKey });
  await api.post('/customers', { slug: 'beta', name: 'Beta' });
  await api.post('/services', { slug: 'bench', name: 'Bench' });
  await api.put(`/charts/${sha256(chart)}`, chart);
  const release = {
    kind: 'steward.dev/release/v1',
    service: 'bench',
    version: '1.0.0',
    counter: 1,
    createdAt: new Date().toISOString(),
    chart: { name: 'bench', version: '1.0.0', digest: sha256(chart), bytes: chart.byteLength },
    images: [],
    parameters: { type: 'object', additionalProperties: false },
    basicParameters: [],
    permissions: [],
    exceptions: {},
    knobs: [],
    upgrade: { deadlineSeconds: 600, settleSeconds: 5 },
    display: { name: 'Bench' },
    minimumAgentVersion: '0.1.0',
    kubernetes: '>=1.30.0',
  };
  const envelope = signRelease(Buffer.from(JSON.stringify(release)), key.privateKeyPem);
  await api.post('/releases', { envelope, channels: ['stable'] });
}

/** A day of looks at the minute, as the agent sends them: what changed, and all of it every ten minutes. */
async function sendDay(agent: FakeAgent, installationId: string): Promise<number> {
  const beginMs = Date.now() - LOOKS * 60_000;
  let values = Array.from({ length: SERIES }, () => Math.floor(Math.random() * 1e6));
  let day = '';
  let bytes = 0;
  for (let look = 0; look < LOOKS; look += 1) {
    const before = values;
    values = next(values);
    const t0 = new Date(beginMs + look * 60_000).toISOString();
    const isNew = t0.slice(0, 10) !== day;
    day = t0.slice(0, 10);
    const head = { installationId, table: '00000000000000aa', t0, ...(isNew && { series }) };
    const index = values.flatMap((value, at) => (value === before[at] ? [] : [at]));
    const isFull = isNew || look % 10 === 0;
    const body: MetricsFrame = isFull
      ? { ...head, values }
      : { ...head, index, values: index.map((at) => values[at] ?? null) };
    bytes += JSON.stringify(agent.metrics(body)).length;
    if (look % AT_ONCE === AT_ONCE - 1) await agent.acked();
  }
  await agent.acked();
  return bytes;
}

async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let trial = 0; trial < TRIALS; trial += 1) {
    const startedAt = performance.now();
    await work();
    times.push(performance.now() - startedAt);
  }
  return rounded(median(times));
}

/** A day of metrics of a few installations through the real gateway, its size on disk, and how long questions to the API take. */
export async function bench(): Promise<Figures> {
  const postgres = await startPostgresServer();
  try {
    await createOwner(postgres.url);
    await migrateDatabase(ownerUrl(postgres.url, TEMPLATE));
    const database = await cloneDatabase(postgres.url);
    const hub = await startHub({ databaseUrl: database.url });
    try {
      return await measure(await hub.owner(), { hubUrl: hub.url, databaseUrl: database.superuserUrl });
    } finally {
      await hub.stop();
      await database.drop();
    }
  } finally {
    await postgres.stop();
  }
}

async function measure(api: Api, { hubUrl, databaseUrl }: { hubUrl: string; databaseUrl: string }): Promise<Figures> {
  await prepare(api);
  const { cluster, enrolment } = await api.post<CreatedCluster>('/clusters', { name: 'prod', customer: 'beta' });
  const agent = await FakeAgent.enrol(hubAddress(hubUrl), enrolment.token);
  await agent.connect();
  const ids: string[] = [];
  for (let n = 0; n < INSTALLATIONS; n += 1) {
    const wanted = { name: `i${n}`, cluster: cluster.name, service: 'bench' };
    ids.push((await api.post<CreatedInstallation>('/installations', wanted)).installation.id);
  }
  const startedAt = performance.now();
  let wireBytes = 0;
  for (const id of ids) wireBytes += await sendDay(agent, id);
  const seconds = (performance.now() - startedAt) / 1_000;
  await agent.close();
  const samples = INSTALLATIONS * SERIES * LOOKS;
  progress(`${samples} samples in ${rounded(seconds)} s`);
  const diskBytes = await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ rows: string; bytes: string }>(
      `SELECT (SELECT count(*) FROM metric_batches) AS rows, sum(pg_total_relation_size(inhrelid)) AS bytes
       FROM pg_inherits WHERE inhparent IN ('metric_batches'::regclass, 'metric_tables'::regclass)`,
    );
    if (Number(rows[0]?.rows) !== INSTALLATIONS * LOOKS) throw new Error(`${rows[0]?.rows} rows were stored`);
    return Number(rows[0]?.bytes);
  });
  const [id = ''] = ids;
  const ask = (name: string, hours: number, stepSeconds: number): Promise<unknown> => {
    const from = new Date(Date.now() - hours * 3_600_000).toISOString();
    return api.get(`/installations/${id}/metrics/range?name=${name}&from=${from}&stepSeconds=${stepSeconds}`);
  };
  return {
    samples,
    samplesPerSecond: Math.round(samples / seconds),
    wireBytesPerSample: rounded(wireBytes / samples, 2),
    diskBytesPerSample: rounded(diskBytes / samples, 2),
    latestMs: await medianMs(() => api.get(`/installations/${id}/metrics`)),
    hundredSeriesOfAnHourMs: await medianMs(() => ask('metric_1', 1, 60)),
    hundredSeriesOfSixHoursMs: await medianMs(() => ask('metric_1', 6, 60)),
    hundredSeriesOfADayMs: await medianMs(() => ask('metric_1', 24, 300)),
  };
}
