import type { TestProject } from 'vitest/node';
import { bundleAgent } from '../../scripts/bundle-agent.ts';
import { up } from '../cluster/cluster.ts';
import { agentImage, metricsServerImage, natsImage, probeImage } from '../cluster/images.ts';
import type { BuiltImage } from '../cluster/image.ts';
import { TEST_CLUSTER } from './cluster-setup.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** `reference@digest` of the agent as it is built now. */
    agentImage: string;
    /** `reference=digest`, as `steward publish --image` takes it. */
    probeImages: { one: string; two: string };
    natsImages: { older: string; newer: string };
  }
}

/** Builds the images that pods of system tests run, and makes them known to the test cluster. */
export async function setup(project: TestProject): Promise<void> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const cluster = await up({ name: TEST_CLUSTER, log });
  const agent = await agentImage(await bundleAgent(), { log });
  const [one, two] = [await probeImage('1', log), await probeImage('2', log)];
  const [older, newer] = [await natsImage('2.14', log), await natsImage('2.15', log)];
  // Only built: it is started by those who need it, and a first build takes longer than a hook may.
  await metricsServerImage(log);
  for (const image of [agent, one, two, older, newer]) await cluster.importImage(image.archivePath);
  const given = ({ ref, digest }: BuiltImage): string => `${ref}=${digest}`;
  project.provide('agentImage', `${agent.ref}@${agent.digest}`);
  project.provide('probeImages', { one: given(one), two: given(two) });
  project.provide('natsImages', { older: given(older), newer: given(newer) });
}
