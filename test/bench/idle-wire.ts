import { setTimeout as sleep } from 'node:timers/promises';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { up } from '../cluster/cluster.ts';
import { probeImage } from '../cluster/images.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { withBenchStack, type BenchStack } from './bench-stack.ts';
import { progress, rounded, type Figures } from './figures.ts';

const MINUTES = 5;
const MINUTES_A_DAY = 24 * 60;

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

/** Rows inserted and updated since the start, in every table of every database on the server but the hub's own replica row. */
async function rowsWritten(url: string): Promise<number> {
  return withClient(url, async (client) => {
    await client.query('SELECT pg_stat_force_next_flush()');
    const { rows } = await client.query<{ count: string }>(
      `SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS count FROM pg_stat_user_tables WHERE relname <> 'hub_replicas'`,
    );
    return Number(rows[0]?.count ?? 0);
  });
}

/** The chart of the tests that serves a page of metrics, looked at once a minute. */
async function meteredChart(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'steward-bench-'));
  await cp(join(import.meta.dirname, '../charts/metered'), folder, { recursive: true });
  const file = join(folder, 'steward.yaml');
  const yaml = await readFile(file, 'utf8');
  await writeFile(file, yaml.replace('intervalSeconds: 15', 'intervalSeconds: 60'));
  return folder;
}

/**
 * All bytes on the wire both ways, TLS included, of one idle agent with one healthy installation, and then with one beside it that is measured
 * once a minute; rows by PostgreSQL's own count.
 */
export async function bench(): Promise<Figures> {
  const { hostAddress } = await up({ name: 'bench', log: progress });
  const hubPort = await freePort(hostAddress);
  const proxy = await startFaultProxy({ host: hostAddress, port: hubPort }, hostAddress);
  const metered = await meteredChart();
  const install = async (stack: BenchStack, name: string, service: string): Promise<void> => {
    const { operation } = await stack.install(name, service);
    await stack.finished(operation.id);
    await waitUntil(async () => (await stack.installation(name)).health === 'healthy', {
      what: `${name} is healthy`,
      timeoutMs: 60_000,
    });
  };
  const measure = async (url: string): Promise<{ bytes: number; rows: number }> => {
    const [bytesBefore, rowsBefore] = [proxy.bytes(), await rowsWritten(url)];
    progress(`measuring for ${MINUTES} minutes …`);
    await sleep(MINUTES * 60_000);
    return {
      bytes: rounded((proxy.bytes() - bytesBefore) / MINUTES),
      rows: rounded((((await rowsWritten(url)) - rowsBefore) / MINUTES) * MINUTES_A_DAY),
    };
  };
  try {
    return await withBenchStack(
      async (stack) => {
        await install(stack, 'idle', 'bench');
        await sleep(20_000);
        const off = await measure(stack.databaseUrl);
        const { ref, digest } = await probeImage('1', progress);
        await stack.publish(metered, { images: [`${ref}=${digest}`], args: ['--channel', 'stable'] });
        await install(stack, 'metered', 'metered');
        // What it cannot measure is told after the second look, once.
        await waitUntil(async () => (await stack.installation('metered')).reasons.length === 2, {
          what: 'what is wrong to be told',
          timeoutMs: 180_000,
        });
        await sleep(20_000);
        const on = await measure(stack.databaseUrl);
        return {
          bytesPerMinute: off.bytes,
          rowsPerDay: off.rows,
          bytesPerMinuteMetrics: on.bytes,
          rowsPerDayMetrics: on.rows,
          minutes: MINUTES,
        };
      },
      { port: hubPort, publicUrl: `https://${proxy.host}:${proxy.port}` },
    );
  } finally {
    await proxy.stop();
    await rm(metered, { recursive: true });
  }
}
