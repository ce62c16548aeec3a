import { randomUUID } from 'node:crypto';
import {
  isFinal,
  reportHash,
  type IfUnderWay,
  type DesiredState,
  type InstallationHealth,
  type OperationKind,
  type ReleaseEnvelope,
  type RunState,
} from '@steward/shared';
import type {
  EventRecord,
  HealthReport,
  Link,
  LinkPeer,
  MetricsLook,
  ObservedReport,
  ResultRecord,
} from '../../agent/src/link/link.ts';
import { DownloadError } from '../../agent/src/link/link.ts';
import { waitUntil } from '../support/wait-until.ts';

export interface WantedRelease {
  digest: string;
  version: string;
  service: string;
}

export interface Want {
  installationId: string;
  name: string;
  namespace: string;
  generation: number;
  release: WantedRelease;
  kind: OperationKind;
  parameters?: Record<string, unknown>;
  runState?: RunState;
  toGeneration?: number;
  deleteVolumes?: boolean;
  releaseName?: string;
  acceptDifferences?: boolean;
  recovers?: boolean;
  notAfter?: Date;
}

/** The frame that asks for it; each call is another operation. */
export function desiredState(want: Want): DesiredState {
  const { installationId, name, namespace, generation, release, kind } = want;
  return {
    installationId,
    name,
    namespace,
    service: release.service,
    generation,
    action: kind === 'uninstall' || kind === 'leave' ? 'remove' : 'run',
    deleteVolumes: want.deleteVolumes ?? false,
    release: { digest: release.digest, version: release.version },
    parameters: want.parameters ?? {},
    ...(want.releaseName !== undefined && { releaseName: want.releaseName }),
    ...(want.runState && { runState: want.runState }),
    operation: {
      id: randomUUID(),
      kind,
      requestedBy: 'support@vendor.example',
      notAfter: (want.notAfter ?? new Date(Date.now() + 3_600_000)).toISOString(),
      ...(want.toGeneration !== undefined && { toGeneration: want.toGeneration }),
      ...(want.acceptDifferences === true && { acceptDifferences: true }),
      ...(want.recovers === true && { recovers: true }),
    },
  };
}

/**
 * The hub as its agents see it, in memory: it serves releases and charts, keeps what it is told the way the database
 * does (a transition once, the newest report), and acknowledges.
 */
export class ScriptedHub {
  readonly releases = new Map<string, ReleaseEnvelope>();
  readonly charts = new Map<string, Uint8Array>();
  /** By operation id, by revision. */
  readonly results = new Map<string, Map<number, ResultRecord>>();
  /** Transitions that came again with another content: must stay empty. */
  readonly contradictions: string[] = [];
  readonly health: HealthReport['set'] = {};
  readonly observed: ObservedReport['set'] = {};
  readonly events: EventRecord[] = [];
  readonly looks: MetricsLook[] = [];
  isAway = false;
  acks = true;
  #link: Link | undefined;
  #peer: LinkPeer | undefined;

  /** A link for one life of an agent. */
  connect(): Link {
    const alive = (link: Link): boolean => this.#link === link;
    const link: Link = {
      attach: (peer) => {
        this.#peer = peer;
        this.welcome();
      },
      reportHealth: (report) => {
        if (alive(link)) merge(this.health, report);
      },
      reportObserved: (report) => {
        if (alive(link)) merge(this.observed, report);
      },
      sendResult: (result) => {
        if (alive(link)) this.#store(result);
      },
      sendEvent: (event) => {
        if (alive(link)) this.events.push(event);
      },
      sendMetrics: (look) => {
        if (alive(link)) this.looks.push(look);
      },
      fetchRelease: async (digest) => Buffer.from(JSON.stringify(this.#fetch(this.releases, digest))),
      fetchChart: async (digest) => this.#fetch(this.charts, digest),
      isConnected: true,
      start: () => {},
      stop: async () => {},
    };
    this.#link = link;
    return link;
  }

  /** The connection came back: full reports, and everything that was not acknowledged. */
  welcome(): void {
    const peer = this.#peer;
    if (!peer) return;
    const { health, observed } = peer.fullReports();
    merge(this.health, health);
    merge(this.observed, observed);
    for (const result of peer.unackedResults()) this.#store(result);
  }

  /** Nobody listens at that end any more, as after a kill. */
  cut(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#peer = undefined;
  }

  offer(desired: DesiredState, traceparent?: string): string {
    this.#peer?.onDesired(structuredClone(desired), { traceparent });
    return desired.operation.id;
  }

  cancel(operationId: string, ifUnderWay?: IfUnderWay): void {
    this.#peer?.onCancel({ operationId, requestedBy: 'support@vendor.example', ...(ifUnderWay && { ifUnderWay }) });
  }

  last(operationId: string): ResultRecord | undefined {
    const results = this.results.get(operationId);
    return results && [...results.values()].sort((a, b) => b.revision - a.revision)[0];
  }

  phases(operationId: string): string[] {
    const results = [...(this.results.get(operationId)?.values() ?? [])].sort((a, b) => a.revision - b.revision);
    return results.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1]);
  }

  async end(operationId: string, timeoutMs = 60_000): Promise<ResultRecord> {
    const what = `the end of ${operationId}; last: ${JSON.stringify(this.last(operationId))}`;
    return waitUntil(() => endOf(this.last(operationId)), { what, timeoutMs, intervalMs: 5 });
  }

  async reach(operationId: string, wanted: Partial<ResultRecord>, timeoutMs = 30_000): Promise<ResultRecord> {
    const what = `${operationId} to be ${JSON.stringify(wanted)}; last: ${JSON.stringify(this.last(operationId))}`;
    const fits = (result: ResultRecord): boolean =>
      Object.entries(wanted).every(([key, value]) => result[key as keyof ResultRecord] === value);
    return waitUntil(() => [...(this.results.get(operationId)?.values() ?? [])].find(fits), {
      what,
      timeoutMs,
      intervalMs: 5,
    });
  }

  /** What is told of an installation, when it is as wanted. */
  async healthOf(
    { installationId, name }: { installationId: string; name: string },
    wanted: (health: InstallationHealth) => boolean,
    timeoutMs = 60_000,
  ): Promise<InstallationHealth> {
    const fits = (): InstallationHealth | undefined => {
      const found = this.health[installationId];
      return found && wanted(found) ? found : undefined;
    };
    return waitUntil(fits, { what: `health of ${name}`, timeoutMs }).catch((error: unknown) => {
      throw new Error(`${name} is ${JSON.stringify(this.health[installationId])}`, { cause: error });
    });
  }

  /** Whether the hash of the heartbeat fits what was told: the hub's view is the agent's. */
  agrees(): boolean {
    return this.#peer?.reportState().hash === reportHash({ health: this.health, observed: this.observed });
  }

  summary(): ReturnType<LinkPeer['summary']> | undefined {
    return this.#peer?.summary();
  }

  #fetch<T>(from: Map<string, T>, digest: string): T {
    if (this.isAway) throw new DownloadError('the hub does not answer', true);
    const found = from.get(digest);
    if (found === undefined) throw new DownloadError(`the hub has no ${digest}`, false);
    return found;
  }

  #store(result: ResultRecord): void {
    const known = this.results.get(result.operationId) ?? new Map<number, ResultRecord>();
    this.results.set(result.operationId, known);
    const before = known.get(result.revision);
    if (before && (before.state !== result.state || before.message !== result.message))
      this.contradictions.push(`${JSON.stringify(before)} then ${JSON.stringify(result)}`);
    if (!before) known.set(result.revision, structuredClone(result));
    if (this.acks) setImmediate(() => this.#peer?.onResultAcked(result.operationId, result.revision));
  }
}

function endOf(result: ResultRecord | undefined): ResultRecord | undefined {
  return result && isFinal(result.state) ? result : undefined;
}

function merge<T>(into: Record<string, T>, report: { full: boolean; set: Record<string, T>; delete: string[] }): void {
  if (report.full) for (const key of Object.keys(into)) delete into[key];
  for (const key of report.delete) delete into[key];
  Object.assign(into, structuredClone(report.set));
}
