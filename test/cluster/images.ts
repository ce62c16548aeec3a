import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LICENCES } from '../../scripts/bundle-licences.ts';
import { pauseImage } from './node/component-files.ts';
import { buildImage, sharedLibraries, type BuiltImage, type ImageFile } from './image.ts';
import { ensurePackages, VOLUMES } from './packages.ts';
import { withLock } from './programs/lock.ts';
import { buildProgram, type Log } from './programs/programs.ts';

/** The user of images that need no rights, as distroless images number it. */
const nobody = 65532;
const authorities = '/etc/ssl/certs/ca-certificates.crt';

export interface AgentImageOptions {
  /** `steward.test/agent:1` unless told. */
  name?: string;
  /** For Node, before the program: `--max-old-space-size=64`. */
  nodeFlags?: readonly string[];
  env?: Readonly<Record<string, string>>;
  log?: Log;
}

/** The agent's bundle (one JavaScript module) with the Node that runs this, the helm binary and the public authorities. */
export async function agentImage(bundlePath: string, options: AgentImageOptions = {}): Promise<BuiltImage> {
  const [major = ''] = process.versions.node.split('.');
  if (Number(major) < 24) throw new Error(`the agent runs on Node 24, this is ${process.version}: use the repo's own`);
  const helm = await buildProgram('helm', options.log);
  const licences = join(dirname(bundlePath), LICENCES);
  return buildImage({
    name: options.name ?? 'steward.test/agent:1',
    base: [
      ...userFiles,
      ...(existsSync(authorities) ? [{ from: authorities, to: authorities }] : []),
      { from: process.execPath, to: '/usr/local/bin/node', mode: 0o755 },
      ...(await sharedLibraries(process.execPath)),
      { from: helm, to: '/usr/local/bin/helm', mode: 0o755 },
    ],
    files: [
      // Says how the bundle is to be read, whatever its name ends in.
      { content: '{"type":"module"}', to: '/app/package.json' },
      { from: bundlePath, to: '/app/agent.js' },
      ...(existsSync(licences) ? [{ from: licences, to: `/app/${LICENCES}` }] : []),
    ],
    entrypoint: ['/usr/local/bin/node', ...(options.nodeFlags ?? []), '/app/agent.js'],
    env: { NODE_ENV: 'production', HOME: '/tmp', ...options.env },
    user: String(nobody),
    workdir: '/app',
  });
}

export const natsVersions = ['2.14', '2.15'] as const;
export type NatsVersion = (typeof natsVersions)[number];

/** The NATS server and nothing else: `steward.test/nats:2.14`, with the server as its entry point. */
export async function natsImage(version: NatsVersion, log?: Log): Promise<BuiltImage> {
  return buildImage({
    name: `steward.test/nats:${version}`,
    files: [
      ...userFiles,
      { from: await buildProgram(`nats-${version}`, log), to: '/usr/local/bin/nats-server', mode: 0o755 },
    ],
    entrypoint: ['/usr/local/bin/nats-server'],
    user: String(nobody),
  });
}

/** A service whose health a test decides (see go/probe); each tag is the same program and its own image, in each registry the same. */
export async function probeImage(tag = '1', log?: Log, registry = 'steward.test'): Promise<BuiltImage> {
  return buildImage({
    name: `${registry}/probe:${tag}`,
    files: [
      ...userFiles,
      { folder: true, to: '/data', mode: 0o777 },
      { from: await buildProgram('probe', log), to: '/usr/local/bin/probe', mode: 0o755 },
    ],
    entrypoint: ['/usr/local/bin/probe'],
    env: { VERSION: tag },
    user: String(nobody),
  });
}

/** What measures CPU and memory of pods, the server and nothing else. */
export async function metricsServerImage(log?: Log): Promise<BuiltImage> {
  return buildImage({
    name: 'steward.test/metrics-server:0.8',
    files: [
      ...userFiles,
      { from: await buildProgram('metrics-server', log), to: '/usr/local/bin/metrics-server', mode: 0o755 },
    ],
    entrypoint: ['/usr/local/bin/metrics-server'],
    user: String(nobody),
  });
}

/** The driver of volumes that grow (see go/volumes); the maker of their file systems is this machine's. */
export async function volumesImage(log?: Log): Promise<BuiltImage> {
  await withLock('packages', () => ensurePackages(log, VOLUMES));
  const { xfsprogs: mkfs } = VOLUMES;
  return buildImage({
    name: 'steward.test/volumes:1',
    files: [
      ...userFiles,
      { from: await buildProgram('volumes', log), to: '/usr/local/bin/volumes', mode: 0o755 },
      { from: mkfs, to: '/usr/local/bin/mkfs.xfs', mode: 0o755 },
      ...(await sharedLibraries(mkfs)),
    ],
    entrypoint: ['/usr/local/bin/volumes'],
  });
}

/** What holds each pod's namespaces open; the cluster imports it by itself. */
export async function pauseContainerImage(log?: Log): Promise<BuiltImage> {
  return buildImage({
    name: pauseImage,
    files: [{ from: await buildProgram('node-init', log), to: '/pause', mode: 0o755 }],
    entrypoint: ['/pause', 'pause'],
    user: String(nobody),
  });
}

const userFiles: ImageFile[] = [
  { content: `root:x:0:0::/:/bin/false\nsteward:x:${nobody}:${nobody}::/tmp:/bin/false\n`, to: '/etc/passwd' },
  { content: `root:x:0:\nsteward:x:${nobody}:\n`, to: '/etc/group' },
  { content: 'hosts: files dns\n', to: '/etc/nsswitch.conf' },
  { folder: true, to: '/tmp', mode: 0o1777 },
];
