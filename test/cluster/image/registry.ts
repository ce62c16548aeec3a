import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layout } from '../node/layout.ts';
import { runCommand } from '../programs/run-command.ts';
import { ctrOf } from './import.ts';

/** A registry that both this machine and the node reach, by TLS with an authority of its own. */
export interface ReachedRegistry {
  /** `198.51.100.1:41234` */
  host: string;
  caPem: string;
  login?: { username: string; password: string };
}

export interface StoredImage {
  /** `steward.test/probe:1` */
  ref: string;
  digest: string;
}

/** Where the container runtime looks, at each pull, for how a registry is reached: a folder for each host. */
export const registryFolder = (layout: Layout): string => join(layout.stateDir, 'registries');

/** Lets the container runtime know the authority of a registry, from its next pull on. @returns the file with it */
export async function trustRegistry(layout: Layout, { host, caPem }: ReachedRegistry): Promise<string> {
  const folder = join(registryFolder(layout), host);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'ca.crt'), caPem);
  return join(folder, 'ca.crt');
}

/**
 * Moves an imported image from the node to a registry: afterwards the node has it under no name, not from an earlier
 * run either, so that a pod has to pull it.
 * @param path in the registry, with the tag: `team/probe:1`
 */
export async function moveImage(layout: Layout, image: StoredImage, to: ReachedRegistry, path: string): Promise<void> {
  const ctr = (...args: string[]): Promise<string> => runCommand([...ctrOf(layout), 'images', ...args]);
  const login = to.login ? ['--user', `${to.login.username}:${to.login.password}`] : [];
  await ctr('push', '--tlscacert', await trustRegistry(layout, to), ...login, `${to.host}/${path}`, image.ref);
  const names = (await ctr('list', '--quiet', `target.digest==${image.digest}`)).split('\n').filter(Boolean);
  await ctr('remove', '--sync', ...names);
}
