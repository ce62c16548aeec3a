// @module-tag one-try
import { join } from 'node:path';
import { INSTALLATION_LABEL, PAUSED_ANNOTATION, type OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');

interface Item {
  apiVersion: string;
  kind: string;
  type?: string;
  metadata: Record<string, unknown> & { name: string; namespace?: string; ownerReferences?: unknown };
  spec?: Record<string, unknown>;
  status?: unknown;
}

let stack: Stack;

beforeAll(async () => {
  stack = await startStackHere();
  const args = ['--set', 'image.tag=1', '--channel', 'stable'];
  for (const version of ['1.0.0', '1.1.0'])
    await stack.publish(HELLO, { version, images: [inject('probeImages').one], args });
  await stack.enrol();
  await stack.policy({ upgrade: 'allow', restart: 'allow', uninstall: 'allow' });
});
afterAll(() => stack?.stop());

const namespaceOf = (name: string): string => `${stack.organization}-${name}`;
const KINDS =
  'serviceaccounts,secrets,configmaps,roles,rolebindings,services,deployments.apps,' +
  'supportpolicies,imagesources,operationapprovals,agents,installations,operations,leases.coordination.k8s.io';

/** What a backup tool keeps of some namespaces: all but what controllers make of it. */
async function backUp(namespaces: readonly string[]): Promise<Item[]> {
  const kept: Item[] = [];
  for (const namespace of namespaces) {
    kept.push(JSON.parse(await stack.kubectl(['get', 'namespace', namespace, '-o', 'json'])) as Item);
    const { items } = JSON.parse(await stack.kubectl(['get', KINDS, '-n', namespace, '-o', 'json'])) as {
      items: Item[];
    };
    kept.push(
      ...items.filter(
        ({ metadata }) => !metadata.ownerReferences && !/^(default|kube-root-ca.crt)$/.test(metadata.name),
      ),
    );
  }
  return kept;
}

/** As a backup tool makes it anew: an object of its own, which tells nothing of its former life but in its status, if that is asked for. */
function asNew({ metadata, ...rest }: Item): Omit<Item, 'status'> {
  const { name, namespace, labels, annotations } = metadata;
  const made = structuredClone(rest);
  delete made.status;
  delete made.spec?.['clusterIP'];
  delete made.spec?.['clusterIPs'];
  return { ...made, metadata: { name, ...(namespace !== undefined && { namespace }), labels, annotations } };
}

/** Deletes all of it, and what only this cluster tells the agent by, then makes it anew: to the agent that is another cluster. */
async function move(kept: readonly Item[], options: { withStatus: boolean }): Promise<void> {
  const namespaces = kept.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name);
  await stack.kubectl(['delete', 'namespace', ...namespaces, '--timeout=120s']);
  const ofOurs = ['-l', `steward.dev/organization=${stack.organization}`, '--ignore-not-found'];
  await stack.kubectl(['delete', 'roles,rolebindings', '-n', 'kube-system', ...ofOurs]);
  const isAgent = ({ kind, metadata }: Item): boolean =>
    kind === 'Deployment' && metadata.namespace === stack.agentNamespace;
  const list = (items: Item[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await stack.kubectl(['create', '-f', '-'], list(kept.filter((item) => !isAgent(item)).map(asNew)));
  const told = kept.filter(({ kind, status }) => (kind === 'Installation' || kind === 'Operation') && status);
  if (options.withStatus)
    for (const { kind, metadata, status } of told) {
      const patch = ['patch', `${kind}.steward.dev`, metadata.name, '-n', stack.agentNamespace, '--subresource=status'];
      await stack.kubectl([...patch, '--type=merge', '-p', JSON.stringify({ status })]);
    }
  await stack.kubectl(['create', '-f', '-'], list(kept.filter(isAgent).map(asNew)));
}

async function confirmMove(): Promise<void> {
  await waitUntil(async () => /was refused/.test(await stack.mustSteward('cluster', 'show', 'prod')), {
    what: 'the hub shows the copy that it refused',
    timeoutMs: 90_000,
    intervalMs: 500,
  });
  await stack.mustSteward('cluster', 're-enrol', 'prod', '--yes');
  await stack.kubectl(['delete', 'pods', '--all', '-n', stack.agentNamespace]);
  await waitUntil(async () => /connected/.test(await stack.mustSteward('cluster', 'show', 'prod')), {
    what: 'the agent to be connected in the new place',
    timeoutMs: 90_000,
    intervalMs: 500,
  });
}

const template = async (name: string): Promise<string> =>
  stack.kubectl([
    'get',
    'deployment',
    name,
    '-n',
    namespaceOf(name),
    '-o',
    'jsonpath={.metadata.generation} {.spec.template}',
  ]);

async function healthy(name: string): Promise<void> {
  await waitUntil(async () => (await stack.installation(name)).health === 'healthy', {
    what: `${name} is healthy`,
    timeoutMs: 90_000,
    intervalMs: 300,
  });
}

const inCluster = async (kind: string): Promise<Item[]> =>
  (JSON.parse(await stack.kubectl(['get', kind, '-n', stack.agentNamespace, '-o', 'json'])) as { items: Item[] }).items;

async function reaches(id: string, state: string): Promise<void> {
  const look = async (): Promise<boolean> =>
    (await stack.api.get<OperationDetails>(`/operations/${id}`)).state === state;
  await waitUntil(look, { what: `${id} is ${state}`, timeoutMs: 60_000 });
}

/** The lines that the customer is to paste, for the object that the operation has become. */
async function approvalLine(id: string): Promise<string> {
  const look = async (): Promise<string | undefined> => {
    const found = (await inCluster('operations')).find(({ metadata }) => metadata.name === `op-${id}`);
    const { message = '' } = (found?.status ?? {}) as { message?: string };
    const [line] = message.match(/kubectl create[\s\S]*?\nEOF/g) ?? [];
    return line?.includes(String(found?.metadata['uid'])) ? line : undefined;
  };
  return waitUntil(look, { what: 'the line to approve it', timeoutMs: 60_000, intervalMs: 300 });
}

async function uninstalled(name: string): Promise<void> {
  expect(await stack.finished(await stack.pushTo(name, { kind: 'uninstall' }))).toMatchObject({ state: 'succeeded' });
  const labelled = ['-n', namespaceOf(name), '-l', INSTALLATION_LABEL, '-o', 'name'];
  expect(await stack.kubectl(['get', 'deployments,services,configmaps', ...labelled])).toBe('');
}

describe('a cluster that is restored in another place', { timeout: 400_000 }, () => {
  it('without the status of anything, as backup tools do: nothing is done twice, what runs is found again, and the next push works', async () => {
    const { operation } = await stack.install('bare', 'hello', { version: '1.0.0' });
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
    const restart = await stack.pushTo('bare', { kind: 'restart' });
    expect(await stack.finished(restart)).toMatchObject({ state: 'succeeded' });
    await healthy('bare');
    const kept = await backUp([stack.agentNamespace, namespaceOf('bare')]);
    await move(kept, { withStatus: false });
    const before = await template('bare');
    await confirmMove();
    await healthy('bare');
    expect(await template('bare')).toBe(before);
    const ops = await inCluster('operations');
    expect(ops).toHaveLength(2);
    for (const { status } of ops) expect(status).toMatchObject({ state: 'failed', reason: 'lost-track' });
    for (const id of [operation.id, restart])
      expect(await stack.api.get<OperationDetails>(`/operations/${id}`)).toMatchObject({ state: 'succeeded' });
    const next = await stack.pushTo('bare', { kind: 'upgrade', version: '1.1.0' });
    expect(await stack.finished(next)).toMatchObject({ state: 'succeeded' });
    await healthy('bare');
    expect(await stack.installation('bare')).toMatchObject({ state: 'running', runningVersion: '1.1.0' });
    await uninstalled('bare');
  });

  it('with their status: all of it goes on, what waits for an approval too, and an uninstall leaves nothing', async () => {
    await stack.policy({ upgrade: 'ask', restart: 'allow', uninstall: 'allow' });
    for (const name of ['whole', 'still']) {
      const { operation } = await stack.install(name, 'hello', { version: '1.0.0' });
      expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
    }
    // Nothing that the agent does by itself brings its records of this one up to date.
    const still = ['installation', 'still', '-n', stack.agentNamespace, `${PAUSED_ANNOTATION}=true`];
    await stack.kubectl(['annotate', ...still]);
    const restart = await stack.pushTo('whole', { kind: 'restart' });
    expect(await stack.finished(restart)).toMatchObject({ state: 'succeeded' });
    const upgrade = await stack.pushTo('whole', { kind: 'upgrade', version: '1.1.0' });
    await reaches(upgrade, 'awaiting-approval');
    await healthy('whole');
    await move(await backUp([stack.agentNamespace, namespaceOf('whole'), namespaceOf('still')]), { withStatus: true });
    const before = await template('whole');
    await confirmMove();
    await healthy('whole');
    expect(await template('whole')).toBe(before);
    await uninstalled('still');
    await stack.shell(await approvalLine(upgrade));
    expect(await stack.finished(upgrade)).toMatchObject({ state: 'succeeded' });
    await healthy('whole');
    await uninstalled('whole');
  });
});
