import { compile } from '@steward/shared';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { Secret } from '../../secret.ts';
import { exists, freePort, isAlive } from './host.ts';
import { postgresBinaries } from './postgres-binaries.ts';
import { DatabaseSetupError } from '../roles.ts';
import { closedParent, unprivilegedUser, type UnixUser } from './unprivileged-user.ts';

const Passwords = Type.Object({ superuser: Type.String(), owner: Type.String() });
type Passwords = Static<typeof Passwords>;
const decodePasswords = compile(Passwords);

/** Held by the hub that uses a data directory, as long as it lives. "hubs" in ASCII. */
const HUB_LOCK = 0x68_75_62_73;
const SUPERUSER = 'postgres';
const OWNER = 'steward_owner';
const DATABASE = 'steward';

/**
 * A real PostgreSQL as a child of the hub, on a free port of 127.0.0.1, in `<dataDir>/postgres`. One that a killed hub left behind is
 * stopped and started anew; one that crashes is started again on the same port. Ends with the hub's {@link stop}.
 */
export class EmbeddedPostgres {
  readonly #dataDir: string;
  readonly #log: Logger;
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new';
  #child: ChildProcess | undefined;
  #lock: pg.Client | undefined;
  #passwords: Passwords = { superuser: '', owner: '' };
  #user: UnixUser = {};
  #programs = '';
  #port = 0;
  #restarting: Promise<void> | undefined;

  constructor(dataDir: string, log: Logger) {
    this.#dataDir = dataDir;
    this.#log = log;
  }

  /** The owner's credentials, once started. */
  get ownerUrl(): Secret {
    return new Secret(this.#url(OWNER, this.#passwords.owner, DATABASE));
  }

  /** @throws DatabaseSetupError when another hub uses the directory, or it cannot be used */
  async start(): Promise<void> {
    await mkdir(this.#dataDir, { recursive: true, mode: 0o711 });
    this.#user = await unprivilegedUser(this.#cluster);
    const closed = await closedParent(this.#cluster, this.#user);
    if (closed !== undefined)
      throw new DatabaseSetupError(
        `PostgreSQL does not run as root but as uid ${this.#user.uid}, which may not enter ${closed}: choose another STEWARD_DATA_DIR (such as /var/lib/steward)`,
      );
    this.#programs = await postgresBinaries(this.#dataDir, this.#user);
    await this.#initialize();
    await this.#stopOrphan();
    this.#port = await freePort();
    await this.#launch();
    this.#state = 'running';
    await this.#takeLock();
    await this.#createDatabase();
  }

  /** Fast shutdown: open transactions are rolled back, everything committed is kept. Safe twice. */
  async stop(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    await this.#lock?.end().catch(() => undefined);
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGINT');
      const isGone = await Promise.race([exited.then(() => true), sleep(15_000, false, { ref: false })]);
      if (!isGone) {
        this.#log.warn('the embedded PostgreSQL did not stop within 15 s; stopping it the hard way');
        child.kill('SIGQUIT');
        await exited;
      }
    }
    await this.#restarting;
    this.#state = 'stopped';
  }

  get #cluster(): string {
    return join(this.#dataDir, 'postgres');
  }

  #url(user: string, password: string, database: string, port = this.#port): string {
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  }

  /** Makes the cluster unless it is there. A half-made one of an interrupted start is thrown away. */
  async #initialize(): Promise<void> {
    const file = join(this.#dataDir, 'database-passwords.json');
    if (await exists(join(this.#cluster, 'PG_VERSION'))) {
      const decoded = decodePasswords(JSON.parse(await readFile(file, 'utf8')));
      if (!decoded.ok) throw new DatabaseSetupError(`${file} is malformed: ${decoded.error}`);
      this.#passwords = decoded.value;
      return;
    }
    this.#passwords = {
      superuser: randomBytes(24).toString('base64url'),
      owner: randomBytes(24).toString('base64url'),
    };
    await writeFile(file, JSON.stringify(this.#passwords), { mode: 0o600 });
    const unfinished = `${this.#cluster}.new`;
    const passwordFile = `${unfinished}-password`;
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { mode: 0o700 });
    await writeFile(passwordFile, this.#passwords.superuser, { mode: 0o600 });
    if (this.#user.uid !== undefined) {
      await chown(unfinished, this.#user.uid, this.#user.gid ?? this.#user.uid);
      await chown(passwordFile, this.#user.uid, this.#user.gid ?? this.#user.uid);
    }
    try {
      const access = ['-U', SUPERUSER, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
      const format = ['--encoding=UTF8', '--locale=C', '--data-checksums'];
      await this.#run('initdb', ['-D', unfinished, ...access, ...format]);
    } finally {
      await rm(passwordFile, { force: true });
    }
    await rename(unfinished, this.#cluster);
  }

  async #run(program: string, args: string[]): Promise<void> {
    const child = spawn(join(this.#programs, program), args, {
      ...this.#user,
      cwd: '/',
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4_000)));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new DatabaseSetupError(`${program} failed (${code}): ${errors.trim()}`);
  }

  /**
   * Another PostgreSQL on this directory belongs to a living hub, which holds the lock, or was left behind by a killed one.
   * @throws DatabaseSetupError in the first case
   */
  async #stopOrphan(): Promise<void> {
    const lines = (await readFile(join(this.#cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
    const [pid, port] = [Number(lines[0]), Number(lines[3])];
    if (!pid || !isAlive(pid)) return;
    const client = new pg.Client({
      connectionString: this.#url(SUPERUSER, this.#passwords.superuser, 'postgres', port),
      connectionTimeoutMillis: 5_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      if (!(await tryLock(client))) throw this.#inUse(pid);
    } catch (error) {
      if (error instanceof DatabaseSetupError) throw error;
      // Not a PostgreSQL of ours: the number was given to another process meanwhile. PostgreSQL itself decides.
      return;
    } finally {
      await client.end().catch(() => undefined);
    }
    this.#log.warn({ pid }, 'stopping the embedded PostgreSQL that a killed hub left behind');
    process.kill(pid, 'SIGINT');
    for (let waited = 0; isAlive(pid); waited += 20) {
      if (waited > 15_000)
        throw new DatabaseSetupError(
          `the PostgreSQL process ${pid} on ${this.#cluster} does not stop: stop it yourself`,
        );
      await sleep(20);
    }
  }

  #inUse(pid: number): DatabaseSetupError {
    return new DatabaseSetupError(
      `another hub is using the data directory ${this.#dataDir} (its PostgreSQL is process ${pid}): stop that hub, or give this one another STEWARD_DATA_DIR`,
    );
  }

  /** Starts the server and waits until it takes connections. */
  async #launch(): Promise<void> {
    const child = spawn(
      join(this.#programs, 'postgres'),
      [
        '-D',
        this.#cluster,
        '-p',
        String(this.#port),
        ...Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      // Detached: Ctrl-C in a terminal must reach the hub only, which stops the database last.
      {
        ...this.#user,
        cwd: '/',
        env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      },
    );
    this.#child = child;
    const said: string[] = [];
    const ready = new Promise<boolean>((resolve) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#log.debug({ line }, 'postgres');
        if (said.length < 20) said.push(line);
        if (line.includes('ready to accept connections')) resolve(true);
      });
      child.once('error', () => resolve(false));
      child.once('exit', () => resolve(false));
    });
    if (!(await ready)) {
      const text = said.join('\n');
      if (text.includes('lock file')) throw this.#inUse(Number(/PID (\d+)/.exec(text)?.[1] ?? 0));
      throw new DatabaseSetupError(`the embedded PostgreSQL did not start:\n${text}`);
    }
    child.once('exit', (code, signal) => {
      if (this.#state !== 'running') return;
      this.#log.error({ code, signal }, 'the embedded PostgreSQL ended; starting it again');
      this.#restarting = this.#restart();
    });
  }

  async #restart(): Promise<void> {
    for (let delayMs = 100; this.#state === 'running'; delayMs = Math.min(10_000, delayMs * 2)) {
      await sleep(delayMs);
      if (this.#state !== 'running') return;
      try {
        await this.#launch();
        await this.#takeLock();
        return;
      } catch (error) {
        this.#log.error({ err: error }, 'the embedded PostgreSQL does not start again; trying on');
      }
    }
  }

  async #takeLock(): Promise<void> {
    await this.#lock?.end().catch(() => undefined);
    const client = new pg.Client({ connectionString: this.#url(SUPERUSER, this.#passwords.superuser, 'postgres') });
    client.on('error', () => undefined);
    await client.connect();
    this.#lock = client;
    if (!(await tryLock(client))) throw this.#inUse(this.#child?.pid ?? 0);
  }

  async #createDatabase(): Promise<void> {
    const client = this.#lock;
    const found = await client?.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (!client || (found?.rowCount ?? 0) > 0) return;
    await client.query(`DROP ROLE IF EXISTS ${OWNER}`);
    await client.query(`CREATE ROLE ${OWNER} LOGIN CREATEROLE PASSWORD ${pg.escapeLiteral(this.#passwords.owner)}`);
    await client.query(`CREATE DATABASE ${DATABASE} OWNER ${OWNER}`);
  }
}

const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '64MB',
  max_connections: '60',
  logging_collector: 'off',
  log_destination: 'stderr',
};

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ ok: boolean }>('SELECT pg_try_advisory_lock($1) AS ok', [HUB_LOCK]);
  return rows[0]?.ok === true;
}
