import pg from 'pg';
import { randomBytes } from 'node:crypto';
import { waitUntil } from './wait-until.ts';

/** The migrated database that each test file's own is a clone of. */
export const TEMPLATE = 'steward_template';
export const OWNER = 'steward_owner';
const OWNER_PASSWORD = 'only-on-loopback';

/** One client for as long as the work takes. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The same server, as the owner of the hub's databases. */
export function ownerUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.username = OWNER;
  url.password = OWNER_PASSWORD;
  url.pathname = `/${database}`;
  return url.href;
}

export async function createOwner(serverUrl: string): Promise<void> {
  await withClient(serverUrl, async (client) => {
    await client.query(`CREATE ROLE ${OWNER} LOGIN CREATEROLE PASSWORD '${OWNER_PASSWORD}'`);
    await client.query(`CREATE DATABASE ${TEMPLATE} OWNER ${OWNER}`);
  });
}

export interface ClonedDatabase {
  /** With the owner's credentials, as a hub takes it in STEWARD_DATABASE_URL. */
  url: string;
  /** As superuser, to look behind row-level security. */
  superuserUrl: string;
  /** Fails when somebody still has a connection to it: a pool that leaked. */
  drop(): Promise<void>;
}

/** A database of the caller's own, as migrated, in some 30 ms. @param serverUrl as superuser */
export async function cloneDatabase(serverUrl: string): Promise<ClonedDatabase> {
  const name = `steward_${randomBytes(6).toString('hex')}`;
  await withClient(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} OWNER ${OWNER}`));
  const superuserUrl = new URL(serverUrl);
  superuserUrl.pathname = `/${name}`;
  const countConnections = (): Promise<number> =>
    withClient(serverUrl, async (client) => {
      const { rows } = await client.query<{ count: string }>(
        'SELECT count(*) FROM pg_stat_activity WHERE datname = $1',
        [name],
      );
      return Number(rows[0]?.count);
    });
  return {
    url: ownerUrl(serverUrl, name),
    superuserUrl: superuserUrl.href,
    drop: async () => {
      await waitUntil(async () => (await countConnections()) === 0, {
        what: `nobody is connected to ${name}`,
        timeoutMs: 5_000,
      });
      await withClient(serverUrl, (client) => client.query(`DROP DATABASE ${name}`));
    },
  };
}
