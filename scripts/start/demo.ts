import { Cluster, CreatedCluster, CreatedInstallation, Customer, Enrolment, Installation } from '@steward/shared';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Type from 'typebox';
import { mustSucceed } from '../../test/support/command.ts';
import { waitUntil } from '../../test/support/wait-until.ts';
import { ROOT } from '../process.ts';
import type { StartCluster } from './cluster-choice.ts';
import type { Steward } from './steward.ts';

/** The managed service of `npm start`, its customer, and what they are called. */
export const DEMO = {
  service: 'nats',
  chart: join(ROOT, 'deploy/catalog/nats'),
  versions: { older: '2.14.9', newer: '2.15.2' },
  customer: 'beta',
  cluster: 'prod',
  installation: 'nats',
} as const;

/** What the customer of `npm start` allows; printed, because it is more than a cluster without a policy allows. */
const POLICY = {
  apiVersion: 'steward.dev/v1alpha1',
  kind: 'SupportPolicy',
  metadata: { name: 'npm-start', namespace: 'steward-acme' },
  spec: { rules: { install: 'allow', upgrade: 'allow', rollback: 'allow', uninstall: 'deny' } },
};

interface Work {
  steward: Steward;
  cluster: StartCluster;
  releaseKey: string;
  /** A shell as the customer has it: with a `kubectl` for the chosen cluster. */
  customerEnv: Record<string, string>;
  step: (line: string) => void;
}

/** The vendor's side: a key that the hub trusts, and two signed releases, the older on the channel `stable`. */
export async function publishDemo({ steward, cluster, releaseKey, step }: Work): Promise<void> {
  if (!existsSync(releaseKey)) await steward.must(['keys', 'create', releaseKey]);
  const keys = await steward.must(['keys', 'list', '--output', 'json']);
  const fingerprint = (await steward.must(['keys', 'fingerprint', releaseKey])).trim();
  if (!keys.includes(fingerprint)) await steward.must(['keys', 'trust', releaseKey, '--name', 'npm start']);
  for (const [age, minor] of [
    ['older', '2.14'],
    ['newer', '2.15'],
  ] as const) {
    const version = DEMO.versions[age];
    step(`publishing ${DEMO.service} ${version}, signed`);
    const given = cluster.natsImages[minor];
    const [, repository = '', tag = ''] = /^(.*):([^:=]+)=/.exec(given) ?? [];
    const image = ['--set', `image.repository=${repository}`, '--set', `image.tag=${tag}`, '--image', given];
    const channel = age === 'older' ? ['--channel', 'stable'] : [];
    const as = ['--key', releaseKey, '--version', version, '--app-version', version];
    await steward.must(['publish', DEMO.chart, ...as, ...image, ...channel]);
  }
}

/** The customer's side: the agent by the printed line (again at each start, which upgrades it), and the policy. */
export async function installAgent({ steward, customerEnv, step }: Work): Promise<void> {
  const shell = (line: string, input?: string): Promise<string> =>
    mustSucceed('sh', ['-ec', line], { env: customerEnv, timeoutMs: 60_000, ...(input !== undefined && { input }) });
  const customers = await steward.load(Type.Array(Customer), ['customer', 'list']);
  if (!customers.some(({ slug }) => slug === DEMO.customer))
    await steward.must(['customer', 'create', DEMO.customer, '--name', 'Beta Corp']);
  const loadClusters = (): Promise<Cluster[]> => steward.load(Type.Array(Cluster), ['cluster', 'list']);
  const isKnown = (await loadClusters()).some(({ name }) => name === DEMO.cluster);
  const enrolment = isKnown
    ? await steward.load(Enrolment, ['cluster', 'enrol', DEMO.cluster])
    : (await steward.load(CreatedCluster, ['cluster', 'create', DEMO.cluster, '--customer', DEMO.customer])).enrolment;
  step(`installing the agent by the customer's line:\n        ${enrolment.command.replace(enrolment.token, '…')}`);
  await shell(enrolment.command);
  const rules = Object.entries(POLICY.spec.rules).map(([kind, rule]) => `${kind} ${rule}`);
  step(`the customer's policy: ${rules.join(', ')}; one that is there already stays as it is`);
  const { name, namespace } = POLICY.metadata;
  const isThere = `kubectl get supportpolicy ${name} --namespace ${namespace} >/dev/null 2>&1`;
  await shell(`${isThere} || kubectl apply --server-side -f -`, JSON.stringify(POLICY));
  await waitUntil(
    async () =>
      (await loadClusters()).some(({ name, connection }) => name === DEMO.cluster && connection === 'connected'),
    { what: 'the agent is connected (steward cluster show prod says why not)', timeoutMs: 120_000, intervalMs: 500 },
  );
}

/** The service with its grant; resolves when the agent reports it healthy. */
export async function installService({ steward, customerEnv, step }: Work): Promise<Installation> {
  const load = async (): Promise<Installation | undefined> =>
    (await steward.load(Type.Array(Installation), ['installation', 'list'])).find(
      ({ name }) => name === DEMO.installation,
    );
  if (!(await load())) {
    const where = ['--cluster', DEMO.cluster, '--name', DEMO.installation, '--channel', 'stable'];
    const created = await steward.load(CreatedInstallation, ['install', DEMO.service, ...where]);
    step(`granting exactly the rights of ${DEMO.service} in its namespace, and installing it`);
    await mustSucceed('sh', ['-ec', created.grantCommand], { env: customerEnv, timeoutMs: 60_000 });
  }
  let last = '';
  return waitUntil(
    async () => {
      const found = await load();
      const line = `${found?.state}, ${found?.health}${found?.message ? `: ${found.message}` : ''}`;
      if (line !== last) step(`${DEMO.installation}: ${(last = line)}`);
      return found?.state !== 'pending' && found?.health === 'healthy' && !found.isStale ? found : undefined;
    },
    { what: `${DEMO.installation} is healthy (steward status says why not)`, timeoutMs: 300_000, intervalMs: 500 },
  );
}
