import { spawnSync } from 'node:child_process';
import { lacksCluster } from '../levels.ts';

/** Where `npm start` gets its Kubernetes from. */
export type ClusterKind = 'named' | 'kind' | 'single-node';

/** What a named context needs besides, since nothing is built into a cluster that is not ours. */
const NAMED_NEEDS = [
  'STEWARD_HOST_ADDRESS',
  'STEWARD_AGENT_IMAGE',
  'STEWARD_NATS_IMAGE_2_14',
  'STEWARD_NATS_IMAGE_2_15',
] as const;

function answers(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 5_000 }).status === 0;
}

/**
 * The one named by STEWARD_CONTEXT, else kind when a container engine answers, else (Linux, root) a single-node Kubernetes
 * made here. Never one it was not told to use. Asked first, so that nobody waits for a build only to read that it was for nothing.
 * @throws Error that names the three choices, or the variables that the named one needs
 */
export function clusterKind(): ClusterKind {
  const context = process.env['STEWARD_CONTEXT'];
  if (context) {
    const missing = NAMED_NEEDS.filter((name) => !process.env[name]);
    if (missing.length === 0) return 'named';
    throw new Error(`STEWARD_CONTEXT=${context} also needs ${missing.join(', ')}: see "npm start" in docs/install.md`);
  }
  if (answers('docker', ['info']) && answers('kind', ['version'])) return 'kind';
  const lack = lacksCluster();
  if (!lack) return 'single-node';
  throw new Error(
    [
      'There is no Kubernetes to use. Steward never touches a cluster it was not told to use; choose one of these:',
      '  1. name a context of your kubeconfig:   STEWARD_CONTEXT=my-context npm start   (with images it can pull: docs/install.md)',
      '  2. install kind and a container engine: npm start finds them',
      `  3. a single-node Kubernetes made here:  ${lack}`,
    ].join('\n'),
  );
}
