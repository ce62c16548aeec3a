import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { up } from '../cluster/cluster.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { withClient } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { withBenchStack } from './bench-stack.ts';
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

/** All bytes on the wire both ways, TLS included, of one idle agent with one healthy installation; rows by PostgreSQL's own count. */
export async function bench(): Promise<Figures> {
  const { hostAddress } = await up({ name: 'bench', log: progress });
  const hubPort = await freePort(hostAddress);
  const proxy = await startFaultProxy({ host: hostAddress, port: hubPort }, hostAddress);
  try {
    return await withBenchStack(
      async (stack) => {
        const { operation } = await stack.install('idle', 'bench');
        await stack.finished(operation.id);
        await waitUntil(async () => (await stack.installation('idle')).health === 'healthy', {
          what: 'healthy',
          timeoutMs: 60_000,
        });
        await sleep(20_000);
        const url = stack.databaseUrl;
        const [bytesBefore, rowsBefore] = [proxy.bytes(), await rowsWritten(url)];
        progress(`measuring for ${MINUTES} minutes …`);
        await sleep(MINUTES * 60_000);
        const [bytes, rows] = [proxy.bytes() - bytesBefore, (await rowsWritten(url)) - rowsBefore];
        return {
          bytesPerMinute: rounded(bytes / MINUTES),
          rowsPerDay: rounded((rows / MINUTES) * MINUTES_A_DAY),
          minutes: MINUTES,
        };
      },
      { port: hubPort, publicUrl: `https://${proxy.host}:${proxy.port}` },
    );
  } finally {
    await proxy.stop();
  }
}
