import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { postgresBinaries } from '../../hub/dist/db/embedded/postgres-binaries.js';
import { unprivilegedUser } from '../../hub/dist/db/embedded/unprivileged-user.js';
import { HUB_PROGRAM } from '../../scripts/process.ts';
import { mustSucceed } from './command.ts';

/** A PostgreSQL of a test's own: the programs the hub embeds, no durability, everyone on 127.0.0.1 trusted. */
export interface PostgresServer {
  /** As superuser. */
  url: string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again on the same port after {@link kill}. */
  start(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

const SETTINGS = [
  'fsync=off',
  'full_page_writes=off',
  'synchronous_commit=off',
  'max_connections=200',
  'unix_socket_directories=',
];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export async function startPostgresServer(): Promise<PostgresServer> {
  const folder = await mkdtemp(join(tmpdir(), 'steward-postgres-'));
  await chmod(folder, 0o711);
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  const user = await unprivilegedUser(data);
  if (user.uid !== undefined) await chown(data, user.uid, user.gid ?? user.uid);
  const programs = await postgresBinaries(folder, user);
  const options = { ...user, cwd: '/', env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } };
  const initdb = spawn(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'postgres', '--auth=trust', '--locale=C', '--encoding=UTF8', '--no-sync'],
    { ...options, stdio: 'ignore' },
  );
  const [code] = (await once(initdb, 'close')) as [number];
  if (code !== 0) throw new Error(`initdb ended with ${code}`);
  const port = await freePort();
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const process_ = spawn(
      join(programs, 'postgres'),
      ['-D', data, '-p', String(port), ...SETTINGS.flatMap((setting) => ['-c', setting])],
      { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    child = process_;
    const said: string[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    createInterface({ input: process_.stderr }).on('line', (line) => {
      if (said.length < 50) said.push(line);
      if (line.includes('ready to accept connections')) resolve();
    });
    process_.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${said.join('\n')}`)));
    await promise;
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  await start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    start,
    kill: () => end('SIGQUIT'),
    stop: async () => {
      await end('SIGINT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs the hub's program to its end: `migrate`. */
export async function migrateDatabase(ownerUrl: string): Promise<void> {
  await mustSucceed(process.execPath, [HUB_PROGRAM, 'migrate'], {
    env: { STEWARD_DATABASE_URL: ownerUrl },
  });
}
