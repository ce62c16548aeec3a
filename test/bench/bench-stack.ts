import { join } from 'node:path';
import { Agent } from 'node:https';
import type { Operation } from '@steward/shared';
import { bundleAgent } from '../../scripts/bundle-agent.ts';
import { up } from '../cluster/cluster.ts';
import { agentImage, probeImage } from '../cluster/images.ts';
import { createApi, type Api } from '../support/api.ts';
import { connectKube, type KubeConnection } from '../support/kube-connection.ts';
import { startPostgresServer, migrateDatabase } from '../support/postgres-server.ts';
import { createOwner, ownerUrl, TEMPLATE } from '../support/postgres.ts';
import { startStack, type Stack, type StackOptions } from '../support/stack.ts';
import { progress } from './figures.ts';

export interface BenchStack extends Stack {
  kube: KubeConnection;
  /** As the owner, on one connection that stays. */
  fast: Api;
  databaseServerUrl: string;
  /** Pushes an upgrade of an installation by its id. */
  push(installationId: string, wanted: object): Promise<Operation>;
}

/** Releases of test/bench/chart: what is measured, and one that never gets ready. */
export const BENCH_VERSIONS = { good: '1.0.0', stuck: '1.1.0' } as const;

/**
 * Hub, PostgreSQL, a cluster of its own with the agent as a pod, a policy that allows, and the bench chart published. What it made is
 * removed afterwards; the cluster stays up for the next benchmark (`npm run clean` removes it).
 */
export async function withBenchStack<T>(
  work: (stack: BenchStack) => Promise<T>,
  options: Partial<StackOptions> = {},
): Promise<T> {
  const cluster = await up({ name: 'bench', log: progress });
  const [agent, probe] = [await agentImage(await bundleAgent(), { log: progress }), await probeImage('1', progress)];
  for (const image of [agent, probe]) await cluster.importImage(image.archivePath);
  const postgres = await startPostgresServer();
  const undo: (() => unknown)[] = [() => postgres.stop()];
  try {
    await createOwner(postgres.url);
    await migrateDatabase(ownerUrl(postgres.url, TEMPLATE));
    const { kubeconfig, hostAddress } = cluster;
    const stack = await startStack({
      kubeconfig,
      hostAddress,
      postgresUrl: postgres.url,
      agentImage: `${agent.ref}@${agent.digest}`,
      ...options,
    });
    undo.push(() => stack.stop());
    const kube = await connectKube(kubeconfig);
    undo.push(() => kube.close());
    const keptAlive = new Agent({ keepAlive: true });
    undo.push(() => keptAlive.destroy());
    const { token, url } = stack.api;
    const fast = createApi(url, {
      agent: keptAlive,
      ...(stack.hub.caPem && { caPem: stack.hub.caPem }),
      ...(token && { token }),
    });
    const chart = join(import.meta.dirname, 'chart');
    const images = [`${probe.ref}=${probe.digest}`];
    await stack.publish(chart, { version: BENCH_VERSIONS.good, images, args: ['--channel', 'stable'] });
    await stack.publish(chart, { version: BENCH_VERSIONS.stuck, images, args: ['--set', 'readinessPath=/never'] });
    await stack.enrol();
    await stack.policy({ upgrade: 'allow', rollback: 'allow', uninstall: 'allow' });
    progress('hub, agent and cluster are ready');
    const push = (id: string, wanted: object): Promise<Operation> =>
      fast.post(`/installations/${id}/operations`, { kind: 'upgrade', ...wanted });
    // Not a spread: the hub behind a stack may be another one later.
    return await work(
      Object.assign(Object.create(stack) as Stack, { kube, fast, push, databaseServerUrl: postgres.url }),
    );
  } finally {
    for (const step of undo.reverse()) await step();
  }
}
