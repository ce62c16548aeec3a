import type { TestProject } from 'vitest/node';
import { migrateDatabase, startPostgresServer } from './postgres-server.ts';
import { createOwner, ownerUrl, TEMPLATE } from './postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The PostgreSQL that this run of tests shares, as superuser. */
    postgresUrl: string;
  }
}

/** One PostgreSQL for the run, with a migrated template that each test file clones. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgresServer();
  try {
    await createOwner(server.url);
    await migrateDatabase(ownerUrl(server.url, TEMPLATE));
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide('postgresUrl', server.url);
  return () => server.stop();
}
