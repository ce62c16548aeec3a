import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Layout } from '../node/layout.ts';
import { waitUntil } from '../node/wait-until.ts';
import { runCommand } from '../programs/run-command.ts';
import { readLabel, type ImageLabel } from './cache.ts';

const managed = 'io.cri-containerd.image=managed';

/**
 * Loads an OCI archive into the cluster's container runtime and returns when pods can use it. Kubernetes' side of
 * containerd learns of images one after the other, some time later: once it has taken over a marker made after the
 * import, it knows them all. Without that a pod created at once would try to pull, and back off. An archive that is
 * there already is not loaded again, nor is a base layer.
 */
export async function importArchive(layout: Layout, archivePath: string): Promise<void> {
  const ctr = (...args: string[]): Promise<string> => runCommand([...ctrOf(layout), 'images', ...args]);
  const label = await readLabel(archivePath);
  const known = label ? await ctr('list', `name==${label.ref}`) : '';
  if (label && known.includes(label.digest) && known.includes(managed)) return;
  const listed = (await importAboveBase(layout, archivePath, label)) ?? (await ctr('import', archivePath));
  const [, first] = /^unpacking (\S+)/m.exec(listed) ?? [];
  if (!first) throw new Error(`${archivePath} held no image: ctr said "${listed.trim()}"`);
  const marker = `steward.test/import-marker:${randomUUID()}`;
  await ctr('tag', first, marker);
  try {
    const seen = async (): Promise<boolean> => (await ctr('list', `name==${marker}`)).includes(managed);
    await waitUntil(`the container runtime to see ${first}`, seen, { timeoutMs: 20_000, intervalMs: 20 });
  } finally {
    await ctr('remove', marker);
  }
}

/** The command that speaks to the cluster's container runtime from this machine. */
export const ctrOf = (layout: Layout): string[] => [
  'ctr',
  '--address',
  layout.containerdSocket,
  '--namespace',
  'k8s.io',
];

/** Loads what is before the base layer in the archive, if the cluster has that layer and keeps it meanwhile. */
async function importAboveBase(
  layout: Layout,
  archivePath: string,
  label: ImageLabel | undefined,
): Promise<string | undefined> {
  if (!label?.base) return undefined;
  const present = await runCommand([...ctrOf(layout), 'content', 'list', '--quiet']);
  if (!present.includes(label.base.digest)) return undefined;
  const input = createReadStream(archivePath, { end: label.base.bytesBefore - 1, highWaterMark: 1 << 20 });
  return runCommand([...ctrOf(layout), 'images', 'import', '-'], { input }).catch(() => undefined);
}
