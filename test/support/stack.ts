import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import {
  agentNamespace,
  ORGANIZATION_LABEL,
  type CreatedCluster,
  type CreatedInstallation,
  type Installation,
  type Operation,
  type OperationDetails,
} from '@steward/shared';
import { buildProgram } from '../cluster/programs/programs.ts';
import type { Api } from './api.ts';
import { CLI_PROGRAM } from '../../scripts/process.ts';
import { command, mustSucceed, type Finished } from './command.ts';
import { startHub, type TestHub } from './hub.ts';
import { signalPod } from './pod-process.ts';
import { cloneDatabase } from './postgres.ts';
import { waitUntil } from './wait-until.ts';

export interface StackOptions {
  kubeconfig: string;
  hostAddress: string;
  postgresUrl: string;
  /** `steward.test/agent:1@sha256:…`, imported already. */
  agentImage: string;
  /** Address of the hub as agents get it, when something stands between; default the hub's own. */
  publicUrl?: string;
  /** A port for the hub that is known before; default a free one. */
  port?: number;
  /** The way to the database, when something stands between the hub and it. */
  databaseThrough?: (url: string) => string;
  /** Of a collector of traces. */
  otlpEndpoint?: string;
}

/** A vendor with a hub, and a customer's cluster: what a system test needs. Everything in it has names of its own. */
export interface Stack {
  organization: string;
  /** The hub's database, as superuser. */
  databaseUrl: string;
  hub: TestHub;
  api: Api;
  agentNamespace: string;
  /** Runs the `steward` command as the vendor's owner. */
  steward(...args: string[]): Promise<Finished>;
  /** Runs it and answers its standard output; rejects when it fails. */
  mustSteward(...args: string[]): Promise<string>;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Runs a line of shell as the customer would, with a `kubectl` for the test cluster. */
  shell(line: string): Promise<string>;
  /** Publishes a chart folder as a service under its version. */
  publish(
    chart: string,
    options: { version?: string; images?: readonly string[]; args?: readonly string[] },
  ): Promise<void>;
  /** Creates a cluster record and installs the agent by the printed line; resolves when it is connected. */
  enrol(name?: string): Promise<CreatedCluster>;
  /** Creates an installation and applies its grant line; resolves when both are done, not when it runs. */
  install(
    name: string,
    service: string,
    options?: { version?: string; parameters?: Record<string, unknown>; cluster?: string },
  ): Promise<CreatedInstallation>;
  installation(name: string): Promise<Installation>;
  /** Pushes an operation, as the API takes it: `{ kind: 'upgrade', version: '1.1.0' }`. @returns its id */
  pushTo(name: string, wanted: object): Promise<string>;
  /** Waits for the end of an operation. */
  finished(operationId: string, timeoutMs?: number): Promise<OperationDetails>;
  /** Applies a SupportPolicy with these rules in the customer's cluster. */
  policy(rules: Record<string, 'allow' | 'ask' | 'deny'>): Promise<void>;
  /** SIGKILL of the agent's process; Kubernetes starts it again. */
  killAgent(): Promise<void>;
  /** SIGKILL of the hub, then a new one on the same database, address and folder. */
  killHub(): Promise<void>;
  startHubAgain(): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export async function startStack(options: StackOptions): Promise<Stack> {
  const organization = `t${randomBytes(4).toString('hex')}`;
  const folder = await mkdtemp(join(tmpdir(), 'steward-stack-'));
  await chmod(folder, 0o711);
  const database = await cloneDatabase(options.postgresUrl);
  const port = options.port ?? (await freePort(options.hostAddress));
  const launchHub = (): Promise<TestHub> =>
    startHub({
      databaseUrl: options.databaseThrough?.(database.url) ?? database.url,
      listen: `${options.hostAddress}:${port}`,
      tls: 'self',
      organization: `${organization}:Test ${organization}`,
      dataDir: join(folder, 'hub'),
      env: {
        STEWARD_AGENT_IMAGE: options.agentImage,
        ...(options.publicUrl && { STEWARD_PUBLIC_URL: options.publicUrl }),
        ...(options.otlpEndpoint && { OTEL_EXPORTER_OTLP_ENDPOINT: options.otlpEndpoint }),
      },
    });
  let hub = await launchHub();
  const url = `https://${options.hostAddress}:${port}`;
  const api = await hub.owner();
  const token = await api.post<{ token: string }>('/tokens', { name: 'test', role: 'owner' });
  const caFile = join(folder, 'hub-ca.pem');
  await writeFile(caFile, hub.caPem ?? '');
  const bin = join(folder, 'bin');
  await mustSucceed('mkdir', ['-p', bin]);
  const kube = await buildProgram('kube');
  await writeFile(join(bin, 'kubectl'), `#!/bin/sh\nexec ${kube} kubectl "$@"\n`, { mode: 0o755 });
  const env = {
    KUBECONFIG: options.kubeconfig,
    KUBECACHEDIR: join(folder, 'kube-cache'),
    PATH: [bin, process.env['PATH']].join(delimiter),
    XDG_CONFIG_HOME: join(folder, 'config'),
    STEWARD_URL: url,
    STEWARD_TOKEN: token.token,
    STEWARD_CA: caFile,
    STEWARD_HELM: await buildProgram('helm'),
  };
  const key = join(folder, 'release.key');
  const ownNamespace = agentNamespace(organization);
  const namespaces = new Set<string>();

  const steward = (...args: string[]): Promise<Finished> => command(process.execPath, [CLI_PROGRAM, ...args], { env });
  const mustSteward = (...args: string[]): Promise<string> =>
    mustSucceed(process.execPath, [CLI_PROGRAM, ...args], { env });
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    mustSucceed(join(bin, 'kubectl'), args, { env, ...(input !== undefined && { input }) });
  const shell = (line: string): Promise<string> => mustSucceed('sh', ['-ec', line], { env });

  await mustSteward('keys', 'create', key);
  await mustSteward('keys', 'trust', key, '--name', 'test');
  await api.post('/customers', { slug: 'beta', name: 'Beta Corp' });

  const stack: Stack = {
    organization,
    databaseUrl: database.superuserUrl,
    get hub() {
      return hub;
    },
    api: api.as(token.token),
    agentNamespace: ownNamespace,
    steward,
    mustSteward,
    kubectl,
    shell,
    publish: async (chart, { version, images = [], args = [] }) => {
      await mustSteward(
        'publish',
        chart,
        '--key',
        key,
        ...(version ? ['--version', version] : []),
        ...images.flatMap((image) => ['--image', image]),
        ...args,
      );
    },
    enrol: async (name = 'prod') => {
      const created = await stack.api.post<CreatedCluster>('/clusters', { name, customer: 'beta' });
      namespaces.add(ownNamespace);
      await shell(created.enrolment.command);
      await waitUntil(
        async () =>
          (await stack.api.get<{ connection: string }>(`/clusters/${created.cluster.id}`)).connection === 'connected',
        { what: 'the agent is connected', timeoutMs: 60_000, intervalMs: 100 },
      );
      return created;
    },
    install: async (name, service, { version, parameters, cluster = 'prod' } = {}) => {
      const namespace = `${organization}-${name}`;
      const created = await stack.api.post<CreatedInstallation>('/installations', {
        name,
        service,
        cluster,
        namespace,
        ...(version && { version }),
        ...(parameters && { parameters }),
      });
      namespaces.add(namespace);
      await shell(created.grantCommand);
      return created;
    },
    installation: async (name) => {
      const { items } = await stack.api.get<{ items: Installation[] }>('/installations?limit=200');
      const found = items.find((item) => item.name === name);
      if (!found) throw new Error(`no installation ${name}`);
      return found;
    },
    pushTo: async (name, wanted) => {
      const { id } = await stack.installation(name);
      return (await stack.api.post<Operation>(`/installations/${id}/operations`, wanted)).id;
    },
    finished: (operationId, timeoutMs = 120_000) =>
      waitUntil(
        async () => {
          const operation = await stack.api.get<OperationDetails>(`/operations/${operationId}`);
          return operation.finishedAt ? operation : undefined;
        },
        { what: `operation ${operationId} ends`, timeoutMs, intervalMs: 100 },
      ),
    policy: async (rules) => {
      await kubectl(
        ['apply', '-f', '-'],
        JSON.stringify({
          apiVersion: 'steward.dev/v1alpha1',
          kind: 'SupportPolicy',
          metadata: { name: 'test', namespace: ownNamespace },
          spec: { rules },
        }),
      );
    },
    killAgent: async () => {
      const pods = JSON.parse(await kubectl(['get', 'pods', '-n', ownNamespace, '-o', 'json'])) as {
        items: { metadata: { uid: string } }[];
      };
      let killed = 0;
      for (const pod of pods.items) killed += await signalPod(pod.metadata.uid, '/app/agent.js', 'SIGKILL');
      if (killed === 0) throw new Error('there was no agent to kill');
    },
    killHub: () => hub.kill(),
    startHubAgain: async () => {
      hub = await launchHub();
    },
    stop: async () => {
      await hub.stop();
      const ours = ['-l', `${ORGANIZATION_LABEL}=${organization}`, '--wait=false', '--ignore-not-found'];
      await kubectl(['delete', 'namespaces,validatingadmissionpolicies,validatingadmissionpolicybindings', ...ours]);
      await kubectl(['delete', 'roles,rolebindings', '-n', 'kube-system', ...ours]);
      for (const namespace of namespaces)
        await kubectl(['delete', 'namespace', namespace, '--wait=false', '--ignore-not-found']);
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return stack;
}
