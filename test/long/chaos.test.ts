import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { attach } from '../cluster/cluster.ts';
import { TEST_CLUSTER } from '../support/cluster-setup.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');
const ROUNDS = Number(process.env['STEWARD_CHAOS_ROUNDS'] ?? 60);
const SEED = Number(process.env['STEWARD_CHAOS_SEED'] ?? Date.now() % 2 ** 31);
const LONGEST_DELAY_MS = 8_000;

/** Park and Miller's generator: the same seed gives the same kills. */
function createRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

let stack: Stack;
beforeAll(async () => {
  stack = await startStackHere();
  const { one } = inject('probeImages');
  const first = ['--set', 'image.tag=1', '--set', 'message=1.0.0', '--channel', 'stable'];
  await stack.publish(HELLO, { version: '1.0.0', images: [one], args: first });
  await stack.enrol();
  await stack.policy({ upgrade: 'allow', rollback: 'allow' });
  await stack.finished((await stack.install('hello', 'hello')).operation.id);
});
afterAll(() => stack?.stop());

async function kill(victim: 'agent' | 'hub' | 'kube-apiserver'): Promise<void> {
  if (victim === 'agent') await stack.killAgent();
  else if (victim === 'hub') {
    await stack.killHub();
    await stack.startHubAgain();
  } else await (await attach(TEST_CLUSTER))?.component('kube-apiserver', 'kill');
}

it(
  `${ROUNDS} upgrades with something killed at a random moment all end by themselves, each effect once (STEWARD_CHAOS_SEED=${SEED})`,
  { timeout: ROUNDS * 120_000 },
  async () => {
    const random = createRandom(SEED);
    const { one } = inject('probeImages');
    const { id: installation } = await stack.installation('hello');
    const namespace = `${stack.organization}-hello`;
    const read = ['get', 'deployments', 'hello', '-n', namespace, '-o', 'jsonpath={.metadata.generation}'];
    // The API server may have been killed after the upgrade had ended.
    const generation = (): Promise<string> =>
      waitUntil(() => stack.kubectl(read), { what: 'the deployment is read', timeoutMs: 60_000 });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const version = `2.0.${round}`;
      await stack.publish(HELLO, {
        version,
        images: [one],
        args: ['--set', 'image.tag=1', '--set', `message=${version}`],
      });
      const victim = (['agent', 'hub', 'kube-apiserver'] as const)[Math.floor(random() * 3)] ?? 'agent';
      const delayMs = Math.floor(random() * LONGEST_DELAY_MS);
      const before = await generation();
      const { id } = await stack.api.post<Operation>(`/installations/${installation}/operations`, {
        kind: 'upgrade',
        version,
      });
      await sleep(delayMs);
      await kill(victim);
      const operation = await stack.finished(id);
      process.stderr.write(`round ${round}: ${victim} after ${delayMs} ms: ${operation.state}\n`);
      expect(operation).toMatchObject({ state: 'succeeded' });
      await waitUntil(async () => (await stack.installation('hello')).runningVersion === version, {
        what: `${version} is reported`,
        timeoutMs: 60_000,
      });
      // The message of the release changes the pod template once.
      expect(Number(await generation())).toBe(Number(before) + 1);
    }
  },
);
