import type pg from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Secret } from '../secret.ts';
import { Listener } from './listener.ts';
import { missingMigrations } from './migrate.ts';
import { execute, rows } from './query.ts';
import type { DatabaseRoles } from './roles.ts';
import { endWhenSilent, KEEP_ALIVE } from './silent-connection.ts';
import type { TenantContext } from './tenant-context.ts';
import { DatabaseUnavailable, isUnavailable } from './unavailable.ts';

const STATEMENT_TIMEOUT_MS = { app: 10_000, system: 30_000 };
/** Beyond what a statement may take. */
const SILENCE_MS = 5_000;

interface PoolOptions {
  name: 'app' | 'system';
  url: Secret;
  size: number;
  log: Logger;
}

function dataSource({ name, url, size, log }: PoolOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url: url.reveal(),
    poolSize: size,
    connectTimeoutMS: 3_000,
    poolErrorHandler: (error: unknown) => log.warn({ err: error, pool: name }, 'an idle database connection was lost'),
    extra: {
      application_name: `steward-${name}`,
      statement_timeout: STATEMENT_TIMEOUT_MS[name],
      lock_timeout: 5_000,
      idle_in_transaction_session_timeout: 30_000,
      ...KEEP_ALIVE,
      onConnect: (client: pg.Client) => endWhenSilent(client, STATEMENT_TIMEOUT_MS[name] + SILENCE_MS),
    },
  });
}

/**
 * The only way to the database. Everything runs in a transaction, either for one tenant (row-level security decides what it sees) or
 * as the system role (look-up by token, ingest, jobs across tenants).
 */
export class Database {
  readonly #app: DataSource;
  readonly #system: DataSource;
  readonly #listener: Listener;

  constructor(roles: DatabaseRoles, pools: Config['pools'], log: Logger) {
    this.#app = dataSource({ name: 'app', url: roles.app, size: pools.app, log });
    this.#system = dataSource({ name: 'system', url: roles.system, size: pools.system, log });
    this.#listener = new Listener(roles.app, log);
  }

  async start(): Promise<void> {
    await this.#app.initialize();
    await this.#system.initialize();
    this.#listener.start();
  }

  async stop(): Promise<void> {
    await this.#listener.stop();
    for (const source of [this.#app, this.#system]) if (source.isInitialized) await source.destroy();
  }

  /** @throws DatabaseUnavailable when the database is gone; nothing was committed then, or it is not known whether it was */
  inTenant<T>(context: TenantContext, work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.#transaction(this.#app, async (tx) => {
      await execute(
        tx,
        `SELECT set_config('steward.organization_id', $1, true), set_config('steward.customer_id', $2, true)`,
        [context.organizationId, context.customerId ?? '*'],
      );
      return work(tx);
    });
  }

  /** Sees all tenants: the statement itself must name the organization. @throws DatabaseUnavailable as for a tenant */
  asSystem<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.#transaction(this.#system, work);
  }

  /**
   * Calls the handler for every notification on the channel, in order, on one connection shared by all. An empty payload means that the
   * connection was lost in between: look for what was missed. @returns what ends it
   */
  listen(channel: string, handler: (payload: string) => void): Promise<() => Promise<void>> {
    return this.#listener.listen(channel, handler);
  }

  /** Undefined when the database answers and its schema is this version's; else one sentence. */
  async problem(): Promise<string | undefined> {
    try {
      const applied = await this.asSystem((tx) => rows<{ name: string }>(tx, 'SELECT name FROM schema_migrations'));
      const missing = missingMigrations(applied.map(({ name }) => name));
      return missing.length > 0 ? `the database lacks the migrations ${missing.join(', ')}` : undefined;
    } catch (error) {
      // Without the cause, which names hosts and users: this is told to anybody.
      return error instanceof DatabaseUnavailable ? 'the database does not answer' : 'the database cannot be read';
    }
  }

  async #transaction<T>(source: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
    try {
      return await source.transaction(work);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable) && isUnavailable(error)) throw new DatabaseUnavailable(error);
      throw error;
    }
  }
}
