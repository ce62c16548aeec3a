import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { HUB_PROGRAM } from '../process.ts';

export interface HubProcess {
  child: ChildProcess;
  logFile: string;
  stop(): Promise<void>;
}

export interface HubSettings {
  dataDir: string;
  /** `127.0.0.1:8443,203.0.113.1:8443` */
  listen: string;
  publicUrl: string;
  agentImage: string;
  ownerEmail: string;
  /** Said once, at the first start on a data folder: also when that start comes to nothing. */
  onOwnerPassword: (password: string) => void;
}

/** Starts the built hub with the embedded database and its own certificate authority; resolves when it is ready. */
export async function startHubProcess(settings: HubSettings): Promise<HubProcess> {
  const logFile = join(dirname(settings.dataDir), 'hub.log');
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  const child = spawn(process.execPath, [HUB_PROGRAM], {
    // Its own process group: Ctrl-C reaches this process, which stops the hub last.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      STEWARD_DATA_DIR: settings.dataDir,
      STEWARD_LISTEN: settings.listen,
      STEWARD_PUBLIC_URL: settings.publicUrl,
      STEWARD_TLS: 'self',
      STEWARD_ORGANIZATION: 'acme:Acme',
      STEWARD_OWNER_EMAIL: settings.ownerEmail,
      STEWARD_AGENT_IMAGE: settings.agentImage,
    },
  });
  const ready = Promise.withResolvers<void>();
  let isPasswordSaid = false;
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-8_000);
    const password = /with the password (\S+)\s/.exec(errors)?.[1];
    if (password === undefined || isPasswordSaid) return;
    isPasswordSaid = true;
    settings.onOwnerPassword(password);
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.write(`${line}\n`);
    if (line.includes('"the hub is ready"')) ready.resolve();
  });
  child.once('close', (code) =>
    ready.reject(new Error(`the hub ended with ${code}; its log is ${logFile}\n${errors}`)),
  );
  await ready.promise;
  return {
    child,
    logFile,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const closed = once(child, 'close');
        child.kill('SIGTERM');
        await closed;
      }
      log.end();
    },
  };
}
