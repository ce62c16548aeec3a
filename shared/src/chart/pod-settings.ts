import type { Static } from 'typebox';
import type { ReleaseExceptions } from '../release/release.ts';
import { containersOf, podSpecOf } from './pod-specs.ts';
import { isRecord } from '../json.ts';

type Exceptions = Static<typeof ReleaseExceptions>;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function hostSettings(pod: Record<string, unknown>, exceptions: Exceptions): string[] {
  const found: string[] = [];
  if (pod['hostNetwork'] === true && exceptions.hostNetwork !== true) found.push("hostNetwork: the node's network");
  // No release can declare these: they let a pod see and signal everything on its node.
  if (pod['hostPID'] === true) found.push("hostPID: the node's processes");
  if (pod['hostIPC'] === true) found.push("hostIPC: the node's shared memory");
  for (const volume of records(pod['volumes'])) {
    if (!isRecord(volume['hostPath'])) continue;
    const path = textOf(volume['hostPath']['path']);
    if (!exceptions.hostPath?.includes(path)) found.push(`hostPath ${path}: files of the node`);
  }
  return found;
}

function containerSettings(container: Record<string, unknown>, exceptions: Exceptions): string[] {
  const found: string[] = [];
  const security = isRecord(container['securityContext']) ? container['securityContext'] : {};
  const name = `container ${textOf(container['name'])}`;
  if (security['privileged'] === true && exceptions.privileged !== true) found.push(`${name}: privileged`);
  if (security['procMount'] !== undefined && security['procMount'] !== 'Default')
    found.push(`${name}: procMount ${textOf(security['procMount'])}`);
  const added = isRecord(security['capabilities']) ? security['capabilities']['add'] : undefined;
  for (const capability of Array.isArray(added) ? added : [])
    if (!exceptions.capabilities?.includes(textOf(capability))) found.push(`${name}: capability ${textOf(capability)}`);
  for (const port of records(container['ports']))
    if (port['hostPort'] !== undefined && exceptions.hostNetwork !== true)
      found.push(`${name}: hostPort ${textOf(port['hostPort'])}`);
  return found;
}

/**
 * What a workload's pods would be allowed beyond an ordinary pod and the release does not declare; in words, empty when all is well.
 * @param ownServiceAccounts names of the service accounts that are part of the same chart
 */
export function undeclaredPodSettings(
  object: { kind: string },
  exceptions: Exceptions,
  ownServiceAccounts: ReadonlySet<string>,
): string[] {
  const pod = podSpecOf(object);
  if (!pod) return [];
  const found = hostSettings(pod, exceptions);
  const account = textOf(pod['serviceAccountName']) || textOf(pod['serviceAccount']) || 'default';
  const isOwn = account === 'default' || ownServiceAccounts.has(account);
  if (!isOwn && !exceptions.serviceAccounts?.includes(account))
    found.push(`service account ${account}, which is not part of the chart`);
  return [...found, ...containersOf(pod).flatMap((container) => containerSettings(container, exceptions))];
}
