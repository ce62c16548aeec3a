import 'reflect-metadata';
import { ConfigError, environment, loadConfig, type Config } from './config.ts';
import { prepareDatabase } from './db/open-database.ts';
import { DatabaseSetupError } from './db/roles.ts';
import { ListenError } from './http/server/http-servers.ts';
import { startHub } from './hub.ts';
import { createLogger } from './log.ts';
import { OwnerChoiceError, resetOwner } from './organizations/reset-owner.ts';
import { TlsError } from './tls/create-tls-material.ts';
import type { Logger } from 'pino';

/** The command line asks for something that there is not. */
class UsageError extends Error {}

/** Errors whose message is all that a reader needs. */
function isExplained(error: unknown): error is Error {
  return [ConfigError, DatabaseSetupError, ListenError, OwnerChoiceError, TlsError, UsageError].some(
    (type) => error instanceof type,
  );
}

function fail(error: unknown): never {
  const text = isExplained(error)
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error);
  process.stderr.write(`steward hub: ${text}\n`);
  process.exit(1);
}

/** `migrate`: brings a given database up to date and ends, for those who want to do so before the hub starts. */
async function migrateOnly(config: Config, log: Logger): Promise<void> {
  if (config.database.kind === 'embedded')
    throw new ConfigError([
      'STEWARD_DATABASE_URL: needed by `migrate`; the embedded database is migrated at each start',
    ]);
  await prepareDatabase(config.database, log);
}

async function run(config: Config, log: Logger): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  const asked = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      log.info({ signal }, 'shutting down');
      asked.abort();
    });
  // Whatever escapes every handler is a bug, but no reason to take all tenants down with it.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'an error that nobody handled'));
  const hub = await startHub(config, log);
  const stop = () => hub.stop().then(stopped.resolve, stopped.reject);
  if (asked.signal.aborted) void stop();
  else asked.signal.addEventListener('abort', () => void stop(), { once: true });
  await stopped.promise;
  log.info('stopped');
}

/** Without a command the hub runs; the others do one thing and end. */
function perform([command, ...args]: readonly string[], config: Config, log: Logger): Promise<void> {
  if (command === undefined) return run(config, log);
  if (command === 'migrate' && args.length === 0) return migrateOnly(config, log);
  if (command === 'reset-owner' && args.length <= 1) return resetOwner(config, log, args[0]);
  throw new UsageError(
    `unknown arguments "${[command, ...args].join(' ')}": give none to run the hub, or migrate, or reset-owner [EMAIL]`,
  );
}

try {
  const config = loadConfig(environment());
  const log = createLogger(config.logLevel);
  await perform(process.argv.slice(2), config, log);
  process.exit(0);
} catch (error) {
  fail(error);
}
