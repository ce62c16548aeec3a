import { join } from 'node:path';
import type { OperationDetails } from '@steward/shared';
import { up } from '../cluster/cluster.ts';
import { natsImage, probeImage } from '../cluster/images.ts';
import { startNatsLoad } from '../support/nats-load.ts';
import { outsideAddress } from '../support/outside-address.ts';
import { publishNats } from '../support/publish-nats.ts';
import { get, startRequests, type RequestsResult } from '../support/request-load.ts';
import { waitUntil } from '../support/wait-until.ts';
import { withBenchStack, type BenchStack } from './bench-stack.ts';
import { progress, rounded, type Figures } from './figures.ts';

const STATELESS = join(import.meta.dirname, 'stateless');
const REQUESTS_PER_SECOND = 100;

/** Carries out one after another and says how each ended. @throws Error when one ends otherwise than it must */
async function carryOut(
  stack: BenchStack,
  name: string,
  steps: readonly { wanted: object; ends: OperationDetails['state'] }[],
): Promise<void> {
  const { id } = await stack.installation(name);
  for (const { wanted, ends } of steps) {
    const { id: operation } = await stack.fast.post<OperationDetails>(`/installations/${id}/operations`, wanted);
    const { kind, state, message } = await stack.finished(operation, 300_000);
    if (state !== ends) throw new Error(`${kind} of ${name}: ${state} instead of ${ends}: ${message}`);
    progress(`${kind} of ${name}: ${state}`);
  }
}

async function stateless(stack: BenchStack, nodeAddress: string): Promise<RequestsResult> {
  const images = await Promise.all(
    ['1', '2'].map(async (tag) => `steward.test/probe:${tag}=${(await probeImage(tag)).digest}`),
  );
  const publish = (version: string, args: readonly string[]): Promise<void> =>
    stack.publish(STATELESS, { version, images, args });
  await publish('1.0.0', ['--set', 'image.tag=1']);
  await publish('2.0.0', ['--set', 'image.tag=2']);
  await publish('3.0.0', ['--set', 'image.tag=2', '--set', 'readinessPath=/never']);
  const { operation } = await stack.install('web', 'stateless', { version: '1.0.0' });
  await stack.finished(operation.id);
  const namespace = `${stack.organization}-web`;
  const address = await outsideAddress(stack, nodeAddress, { namespace, service: 'web', port: 8080 });
  const url = `http://${address}/version`;
  await waitUntil(() => get(url).then(() => true), { what: 'the port is open' });
  const load = startRequests(url, REQUESTS_PER_SECOND);
  await carryOut(stack, 'web', [
    { wanted: { kind: 'upgrade', version: '2.0.0' }, ends: 'succeeded' },
    { wanted: { kind: 'upgrade', version: '3.0.0' }, ends: 'rolled-back' },
    { wanted: { kind: 'restart' }, ends: 'succeeded' },
    { wanted: { kind: 'rollback' }, ends: 'succeeded' },
  ]);
  const { slowestRequestMs, ...result } = await load.stop();
  return { ...result, slowestRequestMs: rounded(slowestRequestMs) };
}

async function nats(stack: BenchStack, nodeAddress: string): Promise<Figures> {
  const [older, newer] = [await natsImage('2.14'), await natsImage('2.15')];
  await publishNats(stack, { older: `${older.ref}=${older.digest}`, newer: `${newer.ref}=${newer.digest}` });
  const { operation } = await stack.install('nats', 'nats', { version: '2.14.9' });
  await stack.finished(operation.id, 170_000);
  const namespace = `${stack.organization}-nats`;
  const servers = await outsideAddress(stack, nodeAddress, { namespace, service: 'nats', port: 4222 });
  const load = await startNatsLoad({ servers });
  await carryOut(stack, 'nats', [
    { wanted: { kind: 'upgrade', version: '2.15.2' }, ends: 'succeeded' },
    { wanted: { kind: 'upgrade', version: '2.16.0' }, ends: 'rolled-back' },
    { wanted: { kind: 'restart' }, ends: 'succeeded' },
  ]);
  const { acked, failed, lost, unconsumed, retried, longestPauseMs } = await load.stop();
  return { acked, failed, lost, unconsumed, retried, longestPauseMs };
}

/**
 * A stateless service and NATS under constant load while each is upgraded, badly upgraded, restarted, and put back. Requests that
 * failed have no second try; a write is lost that was acknowledged and is not in the stream, or was never acknowledged.
 */
export async function bench(): Promise<Figures> {
  return withBenchStack(async (stack) => {
    const cluster = await up({ name: 'bench', log: progress });
    for (const image of [await probeImage('2'), await natsImage('2.14'), await natsImage('2.15')])
      await cluster.importImage(image.archivePath);
    await stack.policy({ upgrade: 'allow', rollback: 'allow', restart: 'allow' });
    const { reasons, ...web } = await stateless(stack, cluster.nodeAddress);
    for (const reason of reasons) progress(`a request failed: ${reason}`);
    const written = await nats(stack, cluster.nodeAddress);
    return {
      ...web,
      acknowledgedWrites: written['acked'] ?? 0,
      lostWrites: (written['lost'] ?? 0) + (written['failed'] ?? 0),
      unconsumedWrites: written['unconsumed'] ?? 0,
      retriedWrites: written['retried'] ?? 0,
      longestPauseBetweenAcksMs: written['longestPauseMs'] ?? 0,
    };
  });
}
