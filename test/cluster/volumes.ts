import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADDITION_PATIENCE_MS, clientOf, removeAddition } from './additions.ts';
import type { ClusterHandle } from './cluster.ts';
import { volumesImage } from './images.ts';
import type { KubeClient } from './node/kube-client.ts';
import { readLayout } from './node/record.ts';
import { waitUntil } from './node/wait-until.ts';
import type { Log } from './programs/programs.ts';

/** Of volumes that have a size, and can become larger. */
export const GROWING_CLASS = 'growing';

const driver = 'volumes.steward.test';
const name = 'volumes';
const namespace = 'kube-system';
/** On the node, below /var/lib; on this machine below the cluster's state folder. Named so that loop devices show whose they are. */
const folderOf = (cluster: string): string => `steward-volumes-${cluster}`;
const kubelet = '/var/lib/kubelet';

/** A step of an expansion: the volume's file, then the file system in it, under its pod. */
export type ExpansionStep = 'controller-expand' | 'node-expand';
/** How it is to go: as it does by itself, or held up, refused for now, refused for ever with the driver's words. */
export type Expansion = 'go' | 'hold' | `refuse ${string}` | `impossible ${string}`;

/**
 * Gives a running cluster volumes with a size that can become larger, under {@link GROWING_CLASS}: by the driver
 * of go/volumes, in a pod. Resolves when it serves. As with metrics-server, whoever started it removes it.
 */
export async function startVolumes(cluster: ClusterHandle, log?: Log): Promise<void> {
  const client = await clientOf(cluster);
  const { archivePath, ref } = await volumesImage(log);
  await cluster.importImage(archivePath);
  await removeVolumes(cluster);
  const node = (await readLayout(cluster.name))?.nodeName ?? '';
  for (const [path, object] of Object.entries(objects(cluster.name, { image: ref, node })))
    await client.apply(path, object);
  const isTaken = async (): Promise<boolean> =>
    ((await client.get(`/apis/storage.k8s.io/v1/csinodes/${node}`)) ?? '').includes(`"${driver}"`);
  await waitUntil('the kubelet to take the driver of volumes', isTaken, { timeoutMs: ADDITION_PATIENCE_MS });
  await waitUntil('the driver of volumes to be ready', async () => isReady(await client.get(podPath)), {
    timeoutMs: ADDITION_PATIENCE_MS,
  });
}

/** Says how a step of each expansion goes from now on. */
export async function setExpansion(cluster: ClusterHandle, step: ExpansionStep, how: Expansion): Promise<void> {
  const path = join(placeOf(cluster), 'switches', step);
  if (how === 'go') await rm(path, { force: true });
  else await writeFile(path, how);
}

/**
 * Resolves when nothing of it is left, also after a run that was killed: namespaces with claims of the class go first, as
 * their volumes can be unmounted only while the driver is there. Safe twice.
 */
export async function removeVolumes(cluster: ClusterHandle): Promise<void> {
  const client = await clientOf(cluster);
  const paths = Object.keys(objects(cluster.name)).toReversed();
  if ((await client.get(classPath)) !== undefined) {
    for (const step of ['controller-expand', 'node-expand'] as const) await setExpansion(cluster, step, 'go');
    const used = await namespacesOfClaims(client);
    for (const one of used) await client.remove(`/api/v1/namespaces/${one}`);
    await waitUntil('the volumes to be gone', async () => !(await areVolumes(client)), {
      timeoutMs: ADDITION_PATIENCE_MS,
    });
  }
  await removeAddition(client, { what: 'the driver of volumes', paths });
  await rm(placeOf(cluster), { recursive: true, force: true });
}

/** Loop devices of this machine that hold a file of this cluster. */
export async function loopDevicesOf(cluster: string): Promise<string[]> {
  const found: string[] = [];
  for (const device of (await readdir('/sys/block')).filter((entry) => entry.startsWith('loop'))) {
    const file = await readFile(`/sys/block/${device}/loop/backing_file`, 'utf8').catch(() => '');
    if (file.includes(`/${folderOf(cluster)}/`)) found.push(device);
  }
  return found;
}

const placeOf = ({ stateDir, name: cluster }: Pick<ClusterHandle, 'stateDir' | 'name'>): string =>
  join(stateDir, 'var-lib', folderOf(cluster));

interface Listed<T> {
  items: T[];
}

async function namespacesOfClaims(client: KubeClient): Promise<Set<string>> {
  interface Claim {
    metadata: { namespace: string };
    spec: { storageClassName?: string };
  }
  const claims = JSON.parse((await client.get('/api/v1/persistentvolumeclaims')) ?? '') as Listed<Claim>;
  const own = claims.items.filter(({ spec }) => spec.storageClassName === GROWING_CLASS);
  return new Set(own.map(({ metadata }) => metadata.namespace));
}

async function areVolumes(client: KubeClient): Promise<boolean> {
  const volumes = JSON.parse((await client.get('/api/v1/persistentvolumes')) ?? '') as Listed<{
    spec: { storageClassName?: string };
  }>;
  return volumes.items.some(({ spec }) => spec.storageClassName === GROWING_CLASS);
}

function isReady(text: string | undefined): boolean {
  const { status } = JSON.parse(text ?? '{}') as { status?: { conditions?: { type: string; status: string }[] } };
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;
}

const classPath = `/apis/storage.k8s.io/v1/storageclasses/${GROWING_CLASS}`;
const podPath = `/api/v1/namespaces/${namespace}/pods/${name}`;

/** By their paths, in the order in which they are made. */
function objects(cluster: string, { image, node } = { image: '', node: '' }): Record<string, object> {
  const rbac = 'rbac.authorization.k8s.io';
  const metadata = { name, namespace };
  return {
    [`/api/v1/namespaces/${namespace}/serviceaccounts/${name}`]: { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    [`/apis/${rbac}/v1/clusterrolebindings/${driver}`]: {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: driver },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', ...metadata }],
    },
    [`/apis/storage.k8s.io/v1/csidrivers/${driver}`]: {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: driver },
      spec: { attachRequired: false, fsGroupPolicy: 'File' },
    },
    [classPath]: {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: GROWING_CLASS },
      provisioner: driver,
      allowVolumeExpansion: true,
      reclaimPolicy: 'Delete',
    },
    [podPath]: { apiVersion: 'v1', kind: 'Pod', metadata, spec: pod(image, node, `/var/lib/${folderOf(cluster)}`) },
  };
}

function pod(image: string, node: string, folder: string): object {
  const host = (volume: string, path: string, type: string): object => ({ name: volume, hostPath: { path, type } });
  return {
    serviceAccountName: name,
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'driver',
        image,
        args: [folder, node, GROWING_CLASS],
        securityContext: { privileged: true },
        volumeMounts: [
          // What it mounts is to be seen by the kubelet and by pods.
          { name: 'kubelet', mountPath: kubelet, mountPropagation: 'Bidirectional' },
          { name: 'folder', mountPath: folder },
          { name: 'devices', mountPath: '/dev' },
        ],
      },
    ],
    volumes: [
      host('kubelet', kubelet, 'Directory'),
      host('folder', folder, 'DirectoryOrCreate'),
      host('devices', '/dev', 'Directory'),
    ],
  };
}
