import type { Cluster, FeedEvent, Installation, Operation } from '@steward/shared';

export interface FleetRows {
  clusters: readonly Cluster[];
  installations: readonly Installation[];
  operations: readonly Operation[];
}

/**
 * What the page knows: the lists as they were loaded, and every event since. Events that come while lists are on their way are applied
 * once more on top of them, so nothing falls between the two; events carry whole objects, so twice is the same as once.
 */
export class Fleet {
  clusters = new Map<string, Cluster>();
  installations = new Map<string, Installation>();
  /** The newest operation of each installation, by installation id. */
  operations = new Map<string, Operation>();
  #load: FeedEvent[] | undefined;

  apply(event: FeedEvent): void {
    this.#load?.push(event);
    if (event.type === 'cluster.changed') this.clusters.set(event.data.id, event.data);
    else if (event.type === 'installation.changed') this.installations.set(event.data.id, event.data);
    else if (event.type === 'operation.changed') this.#keepNewest(event.data.operation);
  }

  /**
   * Replaces everything by lists. Of several loads at a time only the one that began last counts.
   * @throws what `load` throws; what was known stays
   */
  async reload(load: () => Promise<FleetRows>): Promise<void> {
    const since: FeedEvent[] = [];
    this.#load = since;
    let isLate = false;
    const rows = await load().finally(() => {
      if (this.#load === since) this.#load = undefined;
      else isLate = true;
    });
    if (isLate) return;
    this.clusters = byId(rows.clusters);
    this.installations = byId(rows.installations);
    this.operations = new Map();
    for (const operation of rows.operations) this.#keepNewest(operation);
    for (const event of since) this.apply(event);
  }

  #keepNewest(operation: Operation): void {
    const known = this.operations.get(operation.installationId);
    if (!known || known.id === operation.id || known.createdAt <= operation.createdAt)
      this.operations.set(operation.installationId, operation);
  }
}

function byId<T extends { id: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.id, row]));
}

/** How bad it is, worst first: what a person looks for stands at the top. */
const URGENCY = ['unhealthy', 'degraded', 'unknown', 'progressing', 'healthy'] as const;
export type Mood = (typeof URGENCY)[number];

/** The health to show: what was last known of a cluster that is silent is not known. */
export function moodOf(installation: Installation): Mood {
  return installation.isStale ? 'unknown' : installation.health;
}

/** How it is wanted to run other than its release says: `stopped, Deployment/web at 3`; empty for not at all. */
export function keptText({ runState }: Pick<Installation, 'runState'>): string {
  if (!runState) return '';
  const { stopped, schedule, replicas, resources = {}, autoscale = {} } = runState;
  const scaled = Object.entries(replicas).map(([workload, count]) => `${workload} at ${count}`);
  const autoscaled = Object.entries(autoscale).map(
    ([workload, { minimum, maximum }]) => `${workload} autoscaled from ${minimum} to ${maximum}`,
  );
  const resized = Object.keys(resources).map((container) => `${container} resized`);
  return [
    ...(stopped ? ['stopped'] : []),
    ...(schedule ? ['stopped by schedule'] : []),
    ...scaled.sort(),
    ...autoscaled.sort(),
    ...resized.sort(),
  ].join(', ');
}

/** Installations that are not removed: the worst first, then by name. */
export function sortedInstallations(fleet: Fleet): Installation[] {
  const urgency = (row: Installation): number => URGENCY.indexOf(moodOf(row));
  return [...fleet.installations.values()]
    .filter((row) => row.state !== 'removed')
    .sort((a, b) => urgency(a) - urgency(b) || a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
}

/** `2 unhealthy, 1 progressing, 40 healthy`; empty for none. */
export function summary(installations: readonly Installation[]): string {
  return URGENCY.map((mood) => ({ mood, count: installations.filter((row) => moodOf(row) === mood).length }))
    .filter(({ count }) => count > 0)
    .map(({ mood, count }) => `${count} ${mood}`)
    .join(', ');
}
