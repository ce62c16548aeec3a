import { inject } from 'vitest';
import { cloneDatabase, type ClonedDatabase } from './postgres.ts';
import { startHub, type HubOptions, type TestHub } from './hub.ts';

export interface HubWithDatabase {
  hub: TestHub;
  readonly database: ClonedDatabase;
  /** Stops the hub, unless it is gone already, and starts one with these options on the same database. */
  restart(options?: Partial<HubOptions>): Promise<TestHub>;
  /** Stops the hub and drops the database; fails when a connection leaked. */
  end(): Promise<void>;
}

/** A hub of the test's own on a clone of the migrated template. */
export async function startHubWithDatabase(options: Partial<HubOptions> = {}): Promise<HubWithDatabase> {
  const database = await cloneDatabase(inject('postgresUrl'));
  const running: HubWithDatabase = {
    database,
    hub: await startHub({ databaseUrl: database.url, ...options }),
    restart: async (other = options) => {
      await running.hub.stop();
      running.hub = await startHub({ databaseUrl: database.url, ...other });
      return running.hub;
    },
    end: async () => {
      await running.hub.stop();
      await database.drop();
    },
  };
  return running;
}
