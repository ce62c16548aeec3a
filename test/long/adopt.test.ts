import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CreatedInstallation, OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';

const HELLO = join(import.meta.dirname, '../../deploy/catalog/hello');
const RELEASE = 'old-hello';

let stack: Stack;
let folder: string;
let namespace: string;

beforeAll(async () => {
  stack = await startStackHere();
  folder = await mkdtemp(join(tmpdir(), 'steward-adopt-'));
  namespace = `${stack.organization}-greetings`;
  const { one, two } = inject('probeImages');
  const publish = (version: string, image: string, ...settings: string[]): Promise<void> => {
    const set = settings.flatMap((setting) => ['--set', setting]);
    return stack.publish(HELLO, { version, images: [image], args: [...set, '--channel', 'stable'] });
  };
  await publish('1.0.0', one, 'image.tag=1');
  await publish('1.0.1', one, 'image.tag=1', 'message=moin');
  await stack.enrol();
  await stack.policy({ upgrade: 'allow', uninstall: 'allow' });
  const options = `--namespace ${namespace} --create-namespace --set image.tag=1 --set message=moin`;
  await stack.shell(`"$STEWARD_HELM" install ${RELEASE} ${HELLO} ${options} --server-side=false --wait --timeout 90s`);
  await publish('1.1.0', two, 'image.tag=2', 'message=moin');
});
afterAll(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Pods {
  items: {
    metadata: { uid: string; deletionTimestamp?: string };
    status: { containerStatuses?: { restartCount: number }[] };
  }[];
}

/** Uids and restarts of every pod that is not going, and what the workload has been changed. */
async function trace(): Promise<string> {
  const { items } = JSON.parse(await stack.kubectl(['get', 'pods', '-n', namespace, '-o', 'json'])) as Pods;
  const pods = items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata, status }) => [metadata.uid, ...(status.containerStatuses ?? []).map((one) => one.restartCount)]);
  const ofWorkload = 'jsonpath={.metadata.generation}';
  return `${pods.join(' ')} ${await stack.kubectl(['get', 'deployment', RELEASE, '-n', namespace, '-o', ofWorkload])}`;
}

it('takes over what a customer runs, upgrades it, and gives it back to plain Helm, all by the commands of the docs', async () => {
  const adopt = ['adopt', 'hello', '--customer', 'beta', '--release-name', RELEASE, '--namespace', namespace];
  const before = await trace();
  const asked = await stack.mustSteward(...adopt, '--version', '1.0.0', '--output', 'json');
  const created = JSON.parse(asked) as CreatedInstallation;
  await stack.shell(created.grantCommand);
  const differs: OperationDetails = await stack.finished(created.operation.id);
  expect(differs).toMatchObject({ state: 'failed', reasonCode: 'differs' });
  expect(differs.message).toContain(`ConfigMap/${RELEASE}: data.MESSAGE`);

  await stack.mustSteward(...adopt, '--version', '1.0.1', '--watch');
  expect(await trace()).toBe(before);

  await stack.mustSteward('upgrade', RELEASE, '--version', '1.1.0', '--watch');
  const upgraded = await trace();
  expect(upgraded).not.toBe(before);

  await stack.mustSteward('export', RELEASE, '--output-dir', folder);
  expect(await readFile(join(folder, 'values.yaml'), 'utf8')).toMatch(/tag: 2@sha256:/);
  await stack.mustSteward('leave', RELEASE, '--yes', '--watch');
  expect(await trace()).toBe(upgraded);
  const readme = await readFile(join(folder, 'README.md'), 'utf8');
  const [, command = ''] = /```sh\nhelm (.+)\n/.exec(readme) ?? [];
  await stack.shell(`cd ${folder} && "$STEWARD_HELM" ${command} --wait --timeout 90s`);
  expect(await trace()).toBe(upgraded);
});

it('leaves a service that runs on when the agent is gone for good, for plain Helm to take', async () => {
  const created = await stack.install('kept', 'hello', { version: '1.0.0' });
  expect(await stack.finished(created.operation.id)).toMatchObject({ state: 'succeeded' });
  const own = join(folder, 'kept');
  await stack.mustSteward('export', 'kept', '--output-dir', own);
  await stack.kubectl(['delete', 'namespace', stack.agentNamespace]);
  const where = ['-n', `${stack.organization}-kept`, '-o', 'jsonpath={..metadata.uid}'];
  const pods = await stack.kubectl(['get', 'pods', ...where]);
  const readme = await readFile(join(own, 'README.md'), 'utf8');
  const [, command = ''] = /helm (.+--force-conflicts)\n/.exec(readme) ?? [];
  await stack.shell(`cd ${own} && "$STEWARD_HELM" ${command} --wait --timeout 90s`);
  expect(await stack.kubectl(['get', 'pods', ...where])).toBe(pods);
});
