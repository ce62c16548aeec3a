import type { ClusterHandle } from './cluster.ts';
import { kubeClient, type KubeClient } from './node/kube-client.ts';
import { readLayout } from './node/record.ts';
import { waitUntil } from './node/wait-until.ts';

/** How long what is added to a running cluster may take to come, or to go. */
export const ADDITION_PATIENCE_MS = 120_000;

/** The API server of a running cluster, as its administrator. */
export async function clientOf({ name }: ClusterHandle): Promise<KubeClient> {
  const layout = await readLayout(name);
  if (!layout) throw new Error(`there is no cluster ${name}: bring it up first`);
  return kubeClient(layout);
}

/** Removes objects in this order, and resolves when they and what else was theirs are gone. Safe twice. */
export async function removeAddition(
  client: KubeClient,
  { what, paths, also = [] }: { what: string; paths: readonly string[]; also?: readonly string[] },
): Promise<void> {
  for (const path of paths) await client.remove(path);
  const isGone = async (): Promise<boolean> => {
    for (const path of [...also, ...paths]) if ((await client.get(path)) !== undefined) return false;
    return true;
  };
  await waitUntil(`${what} to be gone`, isGone, { timeoutMs: ADDITION_PATIENCE_MS });
}
