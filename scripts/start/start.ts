import { once } from 'node:events';
import { chmod, mkdir, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { attach, halt } from '../../test/cluster/cluster.ts';
import { buildProgram, cacheFolder } from '../../test/cluster/programs/programs.ts';
import { bundleAgent } from '../bundle-agent.ts';
import { openCluster, START_CLUSTER, type StartCluster } from './cluster-choice.ts';
import type { ClusterKind } from './cluster-kind.ts';
import { closingWords } from './closing-words.ts';
import { installAgent, installService, publishDemo } from './demo.ts';
import { startFolders, type StartFolders } from './folders.ts';
import { startHubProcess, type HubProcess } from './hub-process.ts';
import { endOrphanHub } from './orphan-hub.ts';
import { loadRecord, saveRecord, type StartRecord } from './record.ts';
import { stewardCommand, type Steward } from './steward.ts';

const OWNER = 'owner@acme.example';
const USUAL_PORT = 8443;
/** The hub says its first password before it is ready. */
const PASSWORD_PATIENCE_MS = 5_000;

function stepWriter(): (line: string) => void {
  const startedAt = Date.now();
  return (line) => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    process.stderr.write(`[${String(seconds).padStart(3)} s] ${line}\n`);
  };
}

const PORTS_TRIED = 100;

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** The usual port or one soon after it, free on all of these addresses. */
async function portFor(hosts: readonly string[]): Promise<number> {
  for (let port = USUAL_PORT; port < USUAL_PORT + PORTS_TRIED; port += 1) {
    const free = await Promise.all(hosts.map((host) => isFree(port, host)));
    if (free.every(Boolean)) return port;
  }
  throw new Error(`no port from ${USUAL_PORT} on is free on ${hosts.join(' and ')}`);
}

async function prepareFolders(folders: StartFolders): Promise<void> {
  await mkdir(folders.hub, { recursive: true });
  // PostgreSQL runs as an unprivileged user and must get through, but may not list.
  for (const folder of [folders.state, folders.hub]) await chmod(folder, 0o711);
  await mkdir(folders.config, { recursive: true, mode: 0o700 });
}

interface Started {
  hub: HubProcess;
  record: StartRecord;
  url: string;
}

async function startHub(folders: StartFolders, cluster: StartCluster): Promise<Started> {
  const known = await loadRecord(folders.record);
  const hosts = ['127.0.0.1', cluster.hostAddress];
  if (known && !(await Promise.all(hosts.map((host) => isFree(known.port, host)))).every(Boolean))
    throw new Error(
      `port ${known.port} is taken, and the agent of earlier starts dials it: end what has it, then npm start`,
    );
  const port = known?.port ?? (await portFor(hosts));
  const said = Promise.withResolvers<string>();
  const url = `https://${cluster.hostAddress}:${port}`;
  const hub = await startHubProcess({
    dataDir: folders.hub,
    listen: `127.0.0.1:${port},${cluster.hostAddress}:${port}`,
    publicUrl: url,
    agentImage: cluster.agentImage,
    ownerEmail: OWNER,
    // Kept at once: a start that fails after this must not be the last that could.
    onOwnerPassword: (ownerPassword) =>
      void saveRecord(folders.record, { port, ownerPassword }).then(() => said.resolve(ownerPassword), said.reject),
  });
  const noPassword = delay(PASSWORD_PATIENCE_MS, undefined, { ref: false });
  const ownerPassword = known?.ownerPassword ?? (await Promise.race([said.promise, noPassword]));
  if (!ownerPassword) {
    await hub.stop();
    throw new Error(`${folders.record} is lost, and with it the owner's password: npm run clean, then npm start`);
  }
  const { pid } = hub.child;
  const record = { port, ownerPassword, ...(pid !== undefined && { hubPid: pid }) };
  await saveRecord(folders.record, record);
  return { hub, record, url: `https://127.0.0.1:${port}` };
}

/** A `helm` for this and for `npm run steward`: the one that is named, else one built from its Go module. */
async function provideHelm(binFolder: string, step: (line: string) => void): Promise<string> {
  const program = process.env['STEWARD_HELM'] ?? (await buildProgram('helm', step));
  const link = join(binFolder, 'helm');
  await mkdir(binFolder, { recursive: true });
  await rm(link, { force: true });
  await symlink(program, link);
  return program;
}

async function logIn(folders: StartFolders, { record, url }: Started, helm: string): Promise<Steward> {
  const steward = stewardCommand({ XDG_CONFIG_HOME: folders.config, STEWARD_HELM: helm });
  const ca = ['--ca', join(folders.hub, 'tls', 'ca.pem')];
  // A profile of its own: logins to other hubs stay what they are.
  await steward.must(
    ['login', url, '--profile', 'start', '--email', OWNER, '--password-stdin', ...ca],
    record.ownerPassword,
  );
  return steward;
}

/** Ends what was started, in the order in which a shutdown should go; the cluster keeps what its disk has. */
async function stopAll(hub: HubProcess | undefined, step: (line: string) => void): Promise<void> {
  if (hub) step('stopping the hub');
  await hub?.stop();
  if (await attach(START_CLUSTER)) {
    step('stopping the cluster; what it holds stays');
    await halt(START_CLUSTER);
  }
}

/**
 * `npm start`: a hub with its database, a cluster, the agent and NATS as a managed service; then follows what happens until Ctrl-C.
 * Safe to repeat: it finds what is there and goes on.
 */
export async function start(kind: ClusterKind): Promise<void> {
  const step = stepWriter();
  const folders = startFolders();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  // Ctrl-C ends `| tee` too, and who reads no more must not keep this from stopping what it started.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  let hub: HubProcess | undefined;
  try {
    const bundle = await bundleAgent();
    await prepareFolders(folders);
    step(`keeps what it has in ${folders.state}, built programs in ${cacheFolder()}`);
    if (await endOrphanHub((await loadRecord(folders.record))?.hubPid)) step('ended the hub that a killed start left');
    const helm = await provideHelm(folders.bin, step);
    const cluster = await openCluster(kind, folders.bin, bundle, step);
    step(`using ${cluster.title}`);
    const started = await startHub(folders, cluster);
    hub = started.hub;
    step(`the hub is ready on ${started.url}`);
    const steward = await logIn(folders, started, helm);
    const customerEnv = { PATH: [folders.bin, process.env['PATH']].join(delimiter) };
    const work = { steward, cluster, releaseKey: folders.releaseKey, customerEnv, step };
    await publishDemo(work);
    await installAgent(work);
    const { runningVersion = '' } = await installService(work);
    const caFile = join(folders.hub, 'tls', 'ca.pem');
    const words = {
      version: runningVersion,
      url: started.url,
      caFile,
      email: OWNER,
      password: started.record.ownerPassword,
    };
    process.stdout.write(
      closingWords({
        ...words,
        kubectl: join(folders.bin, 'kubectl'),
        probeImage: cluster.probeImage,
        releaseKey: folders.releaseKey,
        logFile: hub.logFile,
      }),
    );
    await followUntil(stop.signal, hub);
  } catch (error) {
    // What Ctrl-C broke off is no failure to explain.
    if (!stop.signal.aborted) throw error;
    step('interrupted; the next npm start goes on here');
  } finally {
    await stopAll(hub, step);
  }
}

/** Waits for Ctrl-C. A hub that ends by itself ends this too. */
async function followUntil(signal: AbortSignal, hub: HubProcess): Promise<void> {
  const interrupted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
  const ended = once(hub.child, 'close').then(() => {
    if (!signal.aborted) throw new Error(`the hub ended by itself; its log is ${hub.logFile}`);
  });
  await Promise.race([interrupted, ended]);
}
