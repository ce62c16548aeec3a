import { runStateText, type Cluster, type FeedEvent, type Installation, type Operation } from '@steward/shared';
import { hasEnded } from '../operations/follow.ts';
import { operationTitle } from '../output/operation-title.ts';
import { headline } from '../terminal/terminal.ts';

/** What a line of the board is made of. */
export interface BoardRow {
  installation: Installation;
  /** The operation that goes on. */
  operation: Operation | undefined;
}

export interface BoardFilter {
  customer?: string | undefined;
  cluster?: string | undefined;
  service?: string | undefined;
}

/** Something that changed, in a sentence, for output that cannot be painted over. */
export interface BoardChange {
  subject: string;
  text: string;
}

function reasonText({ reasons }: Installation): string {
  // Which it is by schedule or by hand is said beside it.
  const first = reasons.find(({ code }) => code !== 'Stopped') ?? reasons[0];
  if (!first) return '';
  const more = reasons.length > 1 ? ` (and ${reasons.length - 1} more)` : '';
  return `${first.object}: ${first.message || first.code}${more}`;
}

/** The most telling sentence: what is being done, else why it is not well, what the agent said last, or how it runs other than released. */
export function messageOf({ installation, operation }: BoardRow): string {
  if (operation) return headline(operation.message);
  const { state, runState, message = '' } = installation;
  const kept = runState ? runStateText(runState) : undefined;
  const isBad = state === 'rolled-back' || state === 'failed';
  return headline(reasonText(installation) || (isBad ? `${state}: ${message}` : message || (kept ?? '')));
}

/** The current state of all installations, kept up to date by the feed. Bodies are whole objects, so the newest replaces what there was. */
export class Board {
  private readonly filter: BoardFilter;
  private clusters = new Map<string, Cluster>();
  private installations = new Map<string, Installation>();
  private operations = new Map<string, Operation>();

  constructor(filter: BoardFilter = {}) {
    this.filter = filter;
  }

  load(clusters: readonly Cluster[], installations: readonly Installation[], operations: readonly Operation[]): void {
    this.clusters = new Map(clusters.filter((one) => this.isShown(one, one.name)).map((one) => [one.id, one]));
    const shown = installations.filter((one) => this.isShown(one, one.cluster) && one.state !== 'removed');
    this.installations = new Map(shown.filter((one) => this.isOfService(one)).map((one) => [one.id, one]));
    this.operations = new Map(operations.filter((one) => !hasEnded(one)).map((one) => [one.installationId, one]));
  }

  rows(): BoardRow[] {
    const rows = [...this.installations.values()].map((installation) => ({
      installation,
      operation: this.operations.get(installation.id),
    }));
    const key = ({ installation: one }: BoardRow): string => `${one.customer}/${one.cluster}/${one.name}`;
    return rows.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  }

  /** Clusters whose agent is not there now. */
  unconnected(): Cluster[] {
    const all = [...this.clusters.values()].filter(({ connection }) => connection !== 'connected');
    return all.toSorted((a, b) => (`${a.customer}/${a.name}` < `${b.customer}/${b.name}` ? -1 : 1));
  }

  /** @returns what changed; undefined when nothing did that is shown here */
  apply(event: FeedEvent): BoardChange | undefined {
    switch (event.type) {
      case 'cluster.changed':
        return this.applyCluster(event.data);
      case 'installation.changed':
        return this.applyInstallation(event.data);
      case 'operation.changed':
        return this.applyOperation(event.data.operation);
      case 'reset':
        return undefined;
    }
  }

  private applyCluster(cluster: Cluster): BoardChange | undefined {
    if (!this.isShown(cluster, cluster.name)) return undefined;
    const before = this.clusters.get(cluster.id);
    this.clusters.set(cluster.id, cluster);
    if (before?.connection === cluster.connection) return undefined;
    const subject = `${cluster.customer}/${cluster.name}`;
    return { subject, text: `${before?.connection ?? 'new'} → ${cluster.connection}: ${cluster.connectionMessage}` };
  }

  private applyInstallation(installation: Installation): BoardChange | undefined {
    if (!this.isShown(installation, installation.cluster) || !this.isOfService(installation)) return undefined;
    const before = this.installations.get(installation.id);
    if (installation.state === 'removed') {
      this.installations.delete(installation.id);
      this.operations.delete(installation.id);
      return before ? { subject: subjectOf(installation), text: 'removed' } : undefined;
    }
    this.installations.set(installation.id, installation);
    const changes = changesBetween(before, installation);
    return changes.length === 0 ? undefined : { subject: subjectOf(installation), text: changes.join('; ') };
  }

  private applyOperation(operation: Operation): BoardChange | undefined {
    if (!this.isShown(operation, operation.cluster)) return undefined;
    if (this.filter.service !== undefined && !this.installations.has(operation.installationId)) return undefined;
    if (!hasEnded(operation)) this.operations.set(operation.installationId, operation);
    // Of one that was given up the agent may tell its end when another one goes on already.
    else if (this.operations.get(operation.installationId)?.id === operation.id)
      this.operations.delete(operation.installationId);
    const step = hasEnded(operation) ? operation.state : `${operation.state}, ${operation.phase}`;
    return {
      subject: subjectOf({ ...operation, name: operation.installation }),
      text: `${operationTitle(operation)}: ${step}: ${headline(operation.message)}`,
    };
  }

  private isShown({ customer }: { customer: string }, cluster: string): boolean {
    const { filter } = this;
    return (filter.customer ?? customer) === customer && (filter.cluster ?? cluster) === cluster;
  }

  private isOfService({ service }: Installation): boolean {
    return (this.filter.service ?? service) === service;
  }
}

function subjectOf(one: { customer: string; cluster: string; name: string }): string {
  return `${one.customer}/${one.cluster}/${one.name}`;
}

function changesBetween(before: Installation | undefined, now: Installation): string[] {
  if (!before) return ['new'];
  const changes: string[] = [];
  if (before.health !== now.health) changes.push(`health ${before.health} → ${now.health}`);
  if (before.runningVersion !== now.runningVersion) changes.push(`runs ${now.runningVersion ?? 'nothing'}`);
  if (before.version !== now.version) changes.push(`wanted ${now.version}`);
  if (before.state !== now.state) changes.push(now.state);
  if (before.isStale !== now.isStale) changes.push(now.isStale ? 'not heard of any more' : 'heard of again');
  if (now.health !== 'healthy' && reasonText(before) !== reasonText(now)) changes.push(reasonText(now));
  return changes.filter((change) => change !== '');
}
