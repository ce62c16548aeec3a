import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config, GivenDatabase } from '../config.ts';
import { Database } from './database.ts';
import { EmbeddedPostgres } from './embedded/embedded-postgres.ts';
import { migrate } from './migrate.ts';
import { checkRoles, DatabaseSetupError, prepareRoles, type DatabaseRoles } from './roles.ts';
import { isUnavailable } from './unavailable.ts';

const PATIENCE_MS = 30_000;

export interface OpenDatabase {
  database: Database;
  stop(): Promise<void>;
}

/**
 * Starts or finds the database, brings it up to date, checks the roles, opens the pools.
 * @throws DatabaseSetupError with what to do, when it cannot be used
 */
export async function openDatabase(config: Config, log: Logger): Promise<OpenDatabase> {
  const embedded = config.database.kind === 'embedded' ? new EmbeddedPostgres(config.dataDir, log) : undefined;
  try {
    await embedded?.start();
    const roles = await prepareDatabase(embedded ? { kind: 'given', owner: embedded.ownerUrl } : given(config), log);
    const database = new Database(roles, config.pools, log);
    await database.start();
    return {
      database,
      stop: async () => {
        await database.stop();
        await embedded?.stop();
      },
    };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

function given({ database }: Config): GivenDatabase {
  if (database.kind === 'embedded') throw new Error('the database is embedded');
  return database;
}

/** Roles, schema and the check of both; waits a while for a database that is not there yet. */
export async function prepareDatabase(database: GivenDatabase, log: Logger): Promise<DatabaseRoles> {
  const since = Date.now();
  for (;;) {
    try {
      const roles = await prepareRoles(database);
      await migrate(roles, log);
      await checkRoles(roles);
      return roles;
    } catch (error) {
      if (!isUnavailable(error)) throw explain(error);
      if (Date.now() - since > PATIENCE_MS)
        throw new DatabaseSetupError(
          `the database in STEWARD_DATABASE_URL does not answer for ${PATIENCE_MS / 1000} s (${String(error)}): start it, or correct the address`,
          { cause: error },
        );
      log.warn({ err: error }, 'the database does not answer yet; trying again');
      await sleep(1_000);
    }
  }
}

function explain(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '28P01' || code === '28000')
    return new DatabaseSetupError(
      `the database refuses the credentials: ${String(error)}: correct STEWARD_DATABASE_URL`,
      { cause: error },
    );
  if (code === '3D000')
    return new DatabaseSetupError(`${String(error)}: create it, or correct STEWARD_DATABASE_URL`, { cause: error });
  return error;
}
