import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import {
  AGENT_SERVICE_ACCOUNT,
  agentManifest,
  agentNamespace,
  generateReleaseKey,
  manifestYaml,
} from '@steward/shared';
import { kubeconfigEndpoint } from '../../agent/src/kube/transport/credentials.ts';
import { createKubeClient } from '../../agent/src/kube/kube-api.ts';
import type { KubeClient } from '../../agent/src/kube/client.ts';
import { bundleAgent } from '../../scripts/bundle-agent.ts';
import { buildProgram } from '../cluster/programs/programs.ts';
import { mustSucceed } from '../support/command.ts';

const TOKEN = 'a-token-that-is-long-enough';

export interface AgentStatus {
  connected?: boolean;
  message?: string;
  version?: string;
  kubernetesVersion?: string;
  clusterName?: string;
  clockSkewMs?: number;
}

/** What a customer's cluster has after the install line, without the pod: the agent runs as a process here, with exactly the shipped rights. */
export class AgentHome {
  readonly namespace: string;
  readonly kube: KubeClient;
  readonly releaseKey = generateReleaseKey().key;
  readonly #organization: string;
  readonly #folder: string;
  readonly #adminKubeconfig: string;
  readonly #kubectl: string;
  readonly #bundle: string;
  readonly #running = new Set<AgentProcess>();

  private constructor(parts: {
    organization: string;
    folder: string;
    kubeconfig: string;
    kubectl: string;
    bundle: string;
  }) {
    this.#organization = parts.organization;
    this.namespace = agentNamespace(parts.organization);
    this.#folder = parts.folder;
    this.#adminKubeconfig = parts.kubeconfig;
    this.#kubectl = parts.kubectl;
    this.#bundle = parts.bundle;
    this.kube = createKubeClient(kubeconfigEndpoint(parts.kubeconfig));
  }

  static async create(kubeconfig: string, organization: string): Promise<AgentHome> {
    const folder = await mkdtemp(join(tmpdir(), 'steward-link-'));
    const home = new AgentHome({
      organization,
      folder,
      kubeconfig,
      kubectl: await buildProgram('kube'),
      bundle: await bundleAgent(),
    });
    const objects = agentManifest({
      organization,
      hubUrl: 'https://hub.invalid',
      releaseKeys: [home.releaseKey],
      image: 'unused',
    });
    const yaml = manifestYaml(objects.filter(({ kind }) => kind !== 'Deployment'));
    await home.kubectl(['apply', '--server-side', '-f', '-'], yaml);
    await home.kubectl(['wait', '--for=condition=Established', 'crd/agents.steward.dev', '--timeout=30s']);
    await home.#writeKubeconfig();
    return home;
  }

  kubectl(args: string[], input?: string): Promise<string> {
    const env = { KUBECONFIG: this.#adminKubeconfig, KUBECACHEDIR: join(this.#folder, 'cache') };
    return mustSucceed(this.#kubectl, ['kubectl', ...args], { env, ...(input !== undefined && { input }) });
  }

  start(hubUrl: URL, env: Record<string, string> = {}): AgentProcess {
    const child = spawn(process.execPath, [this.#bundle], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        STEWARD_KUBECONFIG: join(this.#folder, 'kubeconfig'),
        STEWARD_NAMESPACE: this.namespace,
        STEWARD_ORGANIZATION: this.#organization,
        STEWARD_HUB_URL: hubUrl.origin,
        STEWARD_RELEASE_KEYS: '[]',
        STEWARD_REPLICA: 'pod-1',
        STEWARD_HEALTH_PORT: '0',
        STEWARD_HEALTH_HOST: '127.0.0.1',
        STEWARD_ENROLMENT_TOKEN: TOKEN,
        STEWARD_TMP: this.#folder,
        ...env,
      },
    });
    const agent = new AgentProcess(child);
    this.#running.add(agent);
    return agent;
  }

  async status(): Promise<AgentStatus> {
    const ref = await this.kube.resourceOf('steward.dev/v1alpha1', 'Agent');
    const agent = ref && (await this.kube.get(ref, this.namespace, 'steward'));
    return (agent?.['status'] as AgentStatus | undefined) ?? {};
  }

  /** As if nothing had ever run here. */
  async forget(): Promise<void> {
    for (const agent of this.#running) await agent.kill();
    this.#running.clear();
    for (const kind of ['secret/steward-agent-identity', 'lease/steward-agent', 'agents.steward.dev/steward'])
      await this.kubectl(['-n', this.namespace, 'delete', kind, '--ignore-not-found']);
  }

  async remove(): Promise<void> {
    for (const agent of this.#running) await agent.kill();
    this.kube.close();
    const label = `steward.dev/organization=${this.#organization}`;
    await this.kubectl(['-n', 'kube-system', 'delete', 'role,rolebinding', '-l', label]);
    await this.kubectl(['delete', 'namespace', this.namespace, '--wait=false']);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #writeKubeconfig(): Promise<void> {
    const token = await this.kubectl(['-n', this.namespace, 'create', 'token', AGENT_SERVICE_ACCOUNT]);
    const config = parse(await this.kubectl(['config', 'view', '--raw', '--minify'])) as { users: object[] };
    const name = (config.users[0] as { name: string }).name;
    const own = { ...config, users: [{ name, user: { token: token.trim() } }] };
    await writeFile(join(this.#folder, 'kubeconfig'), stringify(own), { mode: 0o600 });
  }
}

/** The agent's bundle as a process of this machine. */
export class AgentProcess {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.lines.push(text));
  }

  get log(): string {
    return this.lines.join('');
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** SIGTERM. @returns its exit code */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await this.#exited;
    return this.#child.exitCode;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
