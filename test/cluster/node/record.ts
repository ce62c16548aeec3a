import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../programs/lock.ts';
import { isRouted, loadNeededNetworks, loadRoutes } from './routes.ts';
import { layoutOf, maxClusters, stateDirOf, stateRoot, type Layout } from './layout.ts';

/**
 * Makes the cluster's state folder and claims addresses that no other cluster of this machine has, no network it is
 * on, and no registry that it needs. A halted cluster gets the ones it had, unless the machine has joined such a network since.
 */
export function claimLayout(name: string): Promise<Layout> {
  return withLock('cluster-index', async () => {
    const taken = new Set<number>();
    for (const other of await namesOfClusters()) {
      const index = other === name ? undefined : await readIndex(other);
      if (index !== undefined) taken.add(index);
    }
    const routes = [...(await loadRoutes()), ...(await loadNeededNetworks())];
    const former = await readIndex(name);
    const first = former ?? Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) % maxClusters, 0);
    for (let step = 0; step < maxClusters; step++) {
      const index = (first + step) % maxClusters;
      const layout = layoutOf(name, index);
      if (taken.has(index) || isRouted(layout.nodeAddress, routes)) continue;
      for (const folder of ['bin', 'log', 'pki', 'config', 'cni', 'tmp', 'var-log', 'var-lib']) {
        await mkdir(join(layout.stateDir, folder), { recursive: true, mode: folder === 'tmp' ? 0o777 : 0o755 });
      }
      await writeFile(join(layout.stateDir, 'cluster.json'), JSON.stringify({ name, index }));
      return layout;
    }
    throw new Error(`none of ${maxClusters} address ranges is free: see "ip route", and take clusters down`);
  });
}

/** The layout of a cluster that was brought up and not taken down, be it alive or dead. */
export async function readLayout(name: string): Promise<Layout | undefined> {
  const index = await readIndex(name);
  return index === undefined ? undefined : layoutOf(name, index);
}

export async function namesOfClusters(): Promise<string[]> {
  return readdir(stateRoot).catch(() => []);
}

async function readIndex(name: string): Promise<number | undefined> {
  const text = await readFile(join(stateDirOf(name), 'cluster.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const index = Number(/"index":(\d+)/.exec(text)?.[1] ?? NaN);
  return Number.isInteger(index) && index < maxClusters ? index : undefined;
}
