import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HUB_PROGRAM } from '../../scripts/process.ts';
import { createApi, type Api } from './api.ts';
import { waitUntil } from './wait-until.ts';

export interface HubOptions {
  /** With the owner's credentials. */
  databaseUrl: string;
  /** Default 127.0.0.1 with a free port. */
  listen?: string;
  /** Default `off`. */
  tls?: 'off' | 'self';
  organization?: string;
  env?: Record<string, string>;
  /** Where a hub that is started again finds what it had; default: a folder of its own, removed at stop. */
  dataDir?: string;
}

export interface TestHub {
  /** `http://127.0.0.1:41234` */
  url: string;
  /** Every address it listens on, as URLs. */
  urls: string[];
  /** Only of the first start on a database. */
  ownerPassword: string | undefined;
  ownerEmail: string;
  dataDir: string;
  /** The hub's own certificate authority, with tls `self`. */
  caPem: string | undefined;
  process: ChildProcess;
  /** JSON lines of its log so far. */
  logs: string[];
  /** Logs in as the owner; only after a first start. */
  owner(): Promise<Api>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. The data folder stays. */
  kill(): Promise<void>;
}

const OWNER_EMAIL = 'owner@example.test';

/** Starts the built hub as a child process and waits until it is ready. Rejects with its output when it ends instead. */
export async function startHub(options: HubOptions): Promise<TestHub> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'steward-hub-')));
  await mkdir(dataDir, { recursive: true });
  await chmod(dataDir, 0o711);
  const child = spawn(process.execPath, [HUB_PROGRAM], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      STEWARD_DATABASE_URL: options.databaseUrl,
      STEWARD_DATA_DIR: dataDir,
      STEWARD_LISTEN: options.listen ?? '127.0.0.1:0',
      STEWARD_TLS: options.tls ?? 'off',
      STEWARD_ORGANIZATION: options.organization ?? 'acme:Acme',
      STEWARD_OWNER_EMAIL: OWNER_EMAIL,
      ...options.env,
    },
  });
  const logs: string[] = [];
  let errors = '';
  let ownerPassword: string | undefined;
  const ready = Promise.withResolvers<{ publicUrl: string; listen: { host: string; port: number }[] }>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
    ownerPassword ??= /with the password (\S+)/.exec(errors)?.[1];
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    logs.push(line);
    if (line.includes('"the hub is ready"'))
      ready.resolve(JSON.parse(line) as { publicUrl: string; listen: { host: string; port: number }[] });
  });
  child.once('close', (code) =>
    ready.reject(new Error(`the hub ended with ${code}\n${errors}${logs.slice(-20).join('\n')}`)),
  );
  const { publicUrl, listen } = await ready.promise;

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const closed = once(child, 'close');
    child.kill(signal);
    await closed;
    return child.exitCode;
  };
  const caPem = options.tls === 'self' ? await readFile(join(dataDir, 'tls', 'ca.pem'), 'utf8') : undefined;
  return {
    url: publicUrl,
    urls: listen.map(({ host, port }) => `${options.tls === 'self' ? 'https' : 'http'}://${host}:${port}`),
    get ownerPassword() {
      return ownerPassword;
    },
    ownerEmail: OWNER_EMAIL,
    dataDir,
    caPem,
    process: child,
    logs,
    owner: async () => {
      // Said on another stream than readiness, so it may come a moment later.
      const password = await waitUntil(() => ownerPassword, { what: 'the hub says the password of its first start' });
      return createApi(publicUrl, { ...(caPem && { caPem }) }).login(OWNER_EMAIL, password);
    },
    stop: async () => {
      const code = await end('SIGTERM');
      if (!options.dataDir) await rm(dataDir, { recursive: true, force: true });
      return code;
    },
    kill: async () => void (await end('SIGKILL')),
  };
}
