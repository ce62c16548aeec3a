import { DataSource } from 'typeorm';
import pg from 'pg';
import type { Logger } from 'pino';
import { MIGRATIONS } from '../migrations/index.ts';
import { DatabaseSetupError, type DatabaseRoles } from './roles.ts';

/** "steward" in ASCII, cut to what an advisory lock takes. */
const LOCK = 0x73_74_65_77;

/**
 * Brings the schema up to this version, as owner, one hub at a time; others wait. Forward only. Migrations of a newer hub that this one
 * does not know are no reason to stop: each must be safe with the version before it.
 * @throws DatabaseSetupError when the server is too old
 */
export async function migrate(roles: DatabaseRoles, log: Logger): Promise<void> {
  const lock = new pg.Client({ connectionString: roles.owner.reveal(), connectionTimeoutMillis: 5_000 });
  await lock.connect();
  try {
    await requireVersion(lock);
    await lock.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const source = new DataSource({
      type: 'postgres',
      url: roles.owner.reveal(),
      migrations: [...MIGRATIONS],
      migrationsTableName: 'schema_migrations',
      poolSize: 1,
      extra: {
        application_name: 'steward-migrate',
        options: `-c steward.app_role=${escapeOption(roles.appRole)} -c steward.system_role=${escapeOption(roles.systemRole)}`,
      },
    });
    await source.initialize();
    try {
      const done = await source.runMigrations({ transaction: 'each' });
      for (const { name } of done) log.info({ migration: name }, 'migrated');
      await grantSchema(source, roles);
    } finally {
      await source.destroy();
    }
  } finally {
    await lock.end();
  }
}

function escapeOption(value: string): string {
  return value.replace(/[\s\\]/g, String.raw`\$&`);
}

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version`,
  );
  const version = rows[0]?.version ?? 0;
  if (version < 15) throw new DatabaseSetupError(`PostgreSQL ${version} is too old: Steward needs 15 or newer`);
}

async function grantSchema(source: DataSource, roles: DatabaseRoles): Promise<void> {
  const [app, system] = [roles.appRole, roles.systemRole].map((role) => pg.escapeIdentifier(role));
  await source.query(`GRANT USAGE ON SCHEMA public TO ${app}, ${system}`);
  await source.query(`GRANT SELECT ON schema_migrations TO ${app}, ${system}`);
}

/** How many migrations of this version the database lacks. */
export function missingMigrations(applied: readonly string[]): string[] {
  const known = new Set(applied);
  return MIGRATIONS.map(({ name }) => name).filter((name) => !known.has(name));
}
