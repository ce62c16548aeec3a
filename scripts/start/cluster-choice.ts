import { spawnSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { up } from '../../test/cluster/cluster.ts';
import { agentImage, natsImage, probeImage } from '../../test/cluster/images.ts';
import { buildProgram } from '../../test/cluster/programs/programs.ts';
import type { ClusterKind } from './cluster-kind.ts';

type Log = (line: string) => void;

/** A cluster that `npm start` may use. */
export interface StartCluster {
  title: string;
  /** Address of this machine as the cluster's pods reach it. */
  hostAddress: string;
  /** Folder with a `kubectl` that talks to this cluster and to no other. */
  binFolder: string;
  agentImage: string;
  /** `reference=digest` of the NATS images, by version. */
  natsImages: Record<'2.14' | '2.15', string>;
  /** The same of what deploy/catalog/hello runs, to package a service with. */
  probeImage: string;
}

/** Name of the single-node Kubernetes that `npm start` makes for itself. */
export const START_CLUSTER = 'start';

async function writeKubectl(binFolder: string, command: string): Promise<void> {
  await mkdir(binFolder, { recursive: true });
  const path = join(binFolder, 'kubectl');
  await writeFile(path, `#!/bin/sh\nexec ${command} "$@"\n`);
  await chmod(path, 0o755);
}

async function ownImages(
  importImage: (archive: string) => Promise<void>,
  log: Log,
  bundle: string,
): Promise<Pick<StartCluster, 'agentImage' | 'natsImages' | 'probeImage'>> {
  const agent = await agentImage(bundle, { log });
  const [older, newer] = [await natsImage('2.14', log), await natsImage('2.15', log)];
  const probe = await probeImage('1', log);
  for (const image of [agent, older, newer, probe]) await importImage(image.archivePath);
  return {
    agentImage: `${agent.ref}@${agent.digest}`,
    natsImages: { '2.14': `${older.ref}=${older.digest}`, '2.15': `${newer.ref}=${newer.digest}` },
    probeImage: `${probe.ref}=${probe.digest}`,
  };
}

async function singleNode(binFolder: string, bundle: string, log: Log): Promise<StartCluster> {
  const cluster = await up({ name: START_CLUSTER, log });
  await writeKubectl(binFolder, `${await buildProgram('kube', log)} kubectl --kubeconfig ${cluster.kubeconfig}`);
  return {
    title: `the single-node Kubernetes "${START_CLUSTER}" on this machine`,
    hostAddress: cluster.hostAddress,
    binFolder,
    ...(await ownImages((archive) => cluster.importImage(archive), log, bundle)),
  };
}

/** Untried here: kind with a container engine. */
async function kindCluster(binFolder: string, bundle: string, log: Log): Promise<StartCluster> {
  const name = `steward-${START_CLUSTER}`;
  const exec = (command: string, args: string[]): string => {
    const result = spawnSync(command, args, { encoding: 'utf8' });
    if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${result.stderr}`);
    return result.stdout;
  };
  if (!exec('kind', ['get', 'clusters']).split('\n').includes(name))
    exec('kind', ['create', 'cluster', '--name', name]);
  await writeKubectl(binFolder, `kubectl --context kind-${name}`);
  const gateway = exec('docker', [
    'network',
    'inspect',
    'kind',
    '--format',
    '{{range .IPAM.Config}}{{.Gateway}} {{end}}',
  ]);
  const importImage = async (archive: string): Promise<void> =>
    void exec('kind', ['load', 'image-archive', archive, '--name', name]);
  return {
    title: `the kind cluster "${name}"`,
    hostAddress: gateway.split(' ').find((address) => address.includes('.')) ?? '127.0.0.1',
    binFolder,
    ...(await ownImages(importImage, log, bundle)),
  };
}

/** Untried here: a cluster the user names; its nodes must be able to pull the images named in the environment. */
async function named(binFolder: string): Promise<StartCluster> {
  const given = (name: string): string => process.env[name] ?? '';
  const context = given('STEWARD_CONTEXT');
  await writeKubectl(binFolder, `kubectl --context ${context}`);
  return {
    title: `the cluster of context "${context}"`,
    hostAddress: given('STEWARD_HOST_ADDRESS'),
    binFolder,
    agentImage: given('STEWARD_AGENT_IMAGE'),
    natsImages: { '2.14': given('STEWARD_NATS_IMAGE_2_14'), '2.15': given('STEWARD_NATS_IMAGE_2_15') },
    probeImage: given('STEWARD_PROBE_IMAGE'),
  };
}

/**
 * The cluster of this kind, running.
 * @param bundle the agent's bundle, for the image
 */
export function openCluster(kind: ClusterKind, binFolder: string, bundle: string, log: Log): Promise<StartCluster> {
  if (kind === 'named') return named(binFolder);
  return kind === 'kind' ? kindCluster(binFolder, bundle, log) : singleNode(binFolder, bundle, log);
}
