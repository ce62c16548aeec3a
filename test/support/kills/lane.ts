import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { IDEMPOTENCY_KEY_HEADER, type CreatedCluster, type CreatedInstallation, type Operation } from '@steward/shared';
import pg from 'pg';
import { chartFolder } from '../../charts/pack.ts';
import { kubeconfigEndpoint } from '../../../agent/src/kube/transport/credentials.ts';
import { connectKube, type KubeConnection } from '../kube-connection.ts';
import type { Stack, StackOptions } from '../stack.ts';
import { startStack } from '../stack.ts';
import { waitUntil } from '../wait-until.ts';
import type { ApiServer } from './api-server.ts';
import { CommitGate } from './commit-gate.ts';
import { KubeGate } from './kube-gate.ts';
import type { Ledger } from './ledger.ts';
import { MortalAgent } from './mortal-agent.ts';
import type { Stage, Victim } from './points.ts';
import type { Scene } from './trap.ts';

const NOWHERE = `steward.test/probe:9=sha256:${'0'.repeat(64)}`;
const SERVICE = 'mortal';
/** Not how long it should take, but when it is stuck: a machine may be busy with other things. */
const PATIENCE_MS = 240_000;

/** What each version of the service puts there; the last one's image does not exist. */
export const VERSIONS = { first: '1.0.0', second: '2.0.0', bad: '3.0.0' } as const;

const WANTED: Record<Exclude<Stage, 'install'>, object> = {
  upgrade: { kind: 'upgrade', version: VERSIONS.second },
  'bad upgrade': { kind: 'upgrade', version: VERSIONS.bad },
  rollback: { kind: 'rollback', toGeneration: 1 },
  uninstall: { kind: 'uninstall' },
};

export interface LaneOptions extends Pick<StackOptions, 'kubeconfig' | 'hostAddress' | 'postgresUrl' | 'agentImage'> {
  ledger: Ledger;
  apiServer: ApiServer;
  /** `reference=digest` of the service's image. */
  probe: string;
}

/** An installation of the lane's service. */
export interface Mortal {
  id: string;
  name: string;
  namespace: string;
}

/**
 * A vendor with a hub, and an agent of its own in the shared cluster: agent and hub are real processes, each behind a
 * gate. What happens in one lane is not felt in another, but for the API server's deaths.
 */
export class Lane implements Scene {
  readonly stack: Stack;
  readonly ledger: Ledger;
  readonly agent: MortalAgent;
  readonly kubeGate: KubeGate;
  readonly commitGate: CommitGate;
  readonly kube: KubeConnection;
  readonly database: pg.Client;
  readonly #apiServer: ApiServer;
  readonly #formerHubLogs: string[] = [];
  readonly #namespaces: string[] = [];
  #revivals: Promise<unknown>[] = [];

  private constructor(
    parts: Pick<Lane, 'stack' | 'ledger' | 'agent' | 'kubeGate' | 'commitGate' | 'kube' | 'database'>,
    apiServer: ApiServer,
  ) {
    this.stack = parts.stack;
    this.ledger = parts.ledger;
    this.agent = parts.agent;
    this.kubeGate = parts.kubeGate;
    this.commitGate = parts.commitGate;
    this.kube = parts.kube;
    this.database = parts.database;
    this.#apiServer = apiServer;
  }

  static async open({ ledger, apiServer, probe, ...given }: LaneOptions): Promise<Lane> {
    const commitGate = await CommitGate.open(given.postgresUrl);
    const kubeGate = await KubeGate.open(kubeconfigEndpoint(given.kubeconfig));
    const stack = await startStack({ ...given, databaseThrough: (url) => commitGate.through(url) });
    const release = async (version: string, images: string[], ...args: string[]): Promise<void> =>
      stack.publish(chartFolder(SERVICE), { version, images, args });
    await release(VERSIONS.first, [probe], '--set', 'text=a');
    await release(VERSIONS.second, [probe], '--set', 'text=b');
    await release(VERSIONS.bad, [probe, NOWHERE], '--set', 'text=c', '--set', 'image=steward.test/probe:9');
    const { enrolment } = await stack.api.post<CreatedCluster>('/clusters', { name: 'prod', customer: 'beta' });
    const agent = await MortalAgent.install(stack, kubeGate, enrolment.command);
    await stack.policy({ upgrade: 'allow', rollback: 'allow', uninstall: 'allow' });
    const kube = await connectKube(given.kubeconfig);
    const database = new pg.Client({ connectionString: stack.databaseUrl });
    await database.connect();
    return new Lane({ stack, ledger, agent, kubeGate, commitGate, kube, database }, apiServer);
  }

  get agentNamespace(): string {
    return this.stack.agentNamespace;
  }

  /** JSON lines of every life of the hub. */
  get hubLogs(): string[] {
    return [...this.#formerHubLogs, ...this.stack.hub.logs];
  }

  async kill(victim: Victim, downMs: number, helm?: number): Promise<boolean> {
    switch (victim) {
      case 'agent': {
        const wasAlive = await this.agent.kill();
        this.#revivals.push(delay(downMs).then(() => this.agent.revive()));
        return wasAlive;
      }
      case 'hub': {
        const { process: hub } = this.stack.hub;
        this.#formerHubLogs.push(...this.stack.hub.logs);
        await this.stack.killHub();
        this.#revivals.push(delay(downMs).then(() => this.stack.startHubAgain()));
        return hub.signalCode === 'SIGKILL';
      }
      case 'kube-apiserver':
        return this.#apiServer.kill();
      case 'helm':
        return helm !== undefined && killIfThere(helm);
    }
  }

  /** Resolves when everybody who was killed has been started again. */
  async revived(): Promise<void> {
    await Promise.all(this.#revivals);
    this.#revivals = [];
  }

  /** Asks for the installation, and grants it its rights. @returns it, and the id of the operation */
  async install(name: string): Promise<{ mortal: Mortal; operation: string }> {
    const namespace = `${this.stack.organization}-${name}`;
    const wanted = { name, namespace, service: SERVICE, cluster: 'prod', version: VERSIONS.first };
    const { installation, operation, grantCommand } = await this.#post<CreatedInstallation>('/installations', wanted);
    this.#namespaces.push(namespace);
    await patiently('the rights are granted', () => this.stack.shell(grantCommand).then(() => true));
    return { mortal: { id: installation.id, name, namespace }, operation: operation.id };
  }

  /** @returns the operation's id */
  async push(stage: Exclude<Stage, 'install'>, { id }: Mortal): Promise<string> {
    return (await this.#post<Operation>(`/installations/${id}/operations`, WANTED[stage])).id;
  }

  /** Resolves when the hub's row says that it is over, without troubling the hub. */
  async ended(operation: string): Promise<void> {
    const question = 'SELECT state, phase, message FROM operations WHERE id = $1 AND finished_at IS NOT NULL';
    await waitUntil(async () => (await this.database.query(question, [operation])).rows[0] as unknown, {
      what: `operation ${operation} ends`,
      timeoutMs: PATIENCE_MS,
      intervalMs: 50,
    });
  }

  async close(): Promise<void> {
    await this.revived();
    await this.agent.close();
    await this.database.end();
    // Not before: an agent whose rights are gone tells of drift.
    for (const namespace of this.#namespaces) await this.kube.call('DELETE', `/api/v1/namespaces/${namespace}`);
    this.kube.close();
    await this.stack.stop();
    await Promise.all([this.kubeGate.close(), this.commitGate.close()]);
  }

  /** As a client does whose connection was lost: asks again with the same key until there is an answer. */
  #post<T>(path: string, body: object): Promise<T> {
    const headers = { [IDEMPOTENCY_KEY_HEADER]: randomUUID() };
    return patiently(`POST ${path} is answered`, async () => {
      const answer = await this.stack.api.call<T>('POST', path, body, headers);
      if (answer.status !== 201) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    });
  }
}

function patiently<T>(what: string, ask: () => Promise<T>): Promise<NonNullable<T>> {
  return waitUntil(ask, { what, timeoutMs: PATIENCE_MS, intervalMs: 200 });
}

function killIfThere(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
