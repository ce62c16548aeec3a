import type { TestProject } from 'vitest/node';
import { attach, up, type ClusterHandle } from '../cluster/cluster.ts';
import { removeMetricsServer } from '../cluster/metrics-server.ts';
import { removeVolumes } from '../cluster/volumes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the test cluster's administrator kubeconfig. */
    kubeconfig: string;
    /** The address under which pods reach this machine. */
    hostAddress: string;
  }
}

const older = process.env['STEWARD_TEST_KUBERNETES']?.replaceAll('.', '-');
/** Name of the cluster that all levels of test share; each test has namespaces of its own in it. Another name for runs side by side. */
export const TEST_CLUSTER = process.env['STEWARD_TEST_CLUSTER'] ?? (older === undefined ? 'test' : `test-${older}`);

/** The shared cluster, for what a kubeconfig does not do. @throws when it is not up */
export async function testCluster(): Promise<ClusterHandle> {
  const cluster = await attach(TEST_CLUSTER);
  if (!cluster) throw new Error(`there is no cluster ${TEST_CLUSTER}`);
  return cluster;
}

/** Brings the shared cluster up, or finds it up. It stays, so that the next run starts in a second; `npm run clean -- test` removes it. */
export async function setup(project: TestProject): Promise<void> {
  const cluster = await up({ name: TEST_CLUSTER, log: (line) => process.stderr.write(`${line}\n`) });
  // Of a killed run; only the tests that start them have them.
  await removeMetricsServer(cluster);
  await removeVolumes(cluster);
  project.provide('kubeconfig', cluster.kubeconfig);
  project.provide('hostAddress', cluster.hostAddress);
}
