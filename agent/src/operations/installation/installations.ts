import {
  releaseNameOf,
  type DesiredState,
  type HealthReason,
  type HealthState,
  type KeptGeneration,
  type ReleaseMetrics,
  type Schedule,
  type ServiceEndpoint,
} from '@steward/shared';
import { isWorkloadKind } from '../../collect/objects/workload.ts';
import { belongingsOf, type Belongings } from '../../collect/own-objects.ts';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { apiVersionOf } from '../../kube/object.ts';
import type { Log } from '../../log.ts';
import type { KnownInstallation } from '../journal/accept.ts';
import { driftReasons, openDriftOf } from './drift-status.ts';
import {
  decodeInstallation,
  type InstallationRecord,
  type InstallationStatus,
  type UnderWay,
} from './installation-object.ts';
import { INSTALLATION } from '../kinds.ts';
import { inTurn } from '../../in-turn.ts';
import { persist } from '../persist.ts';
import { scheduleReasons, type ScheduleStatus } from './schedule-status.ts';

/** What is in memory of an installation. Inventory and history are read when an operation needs them. */
export interface InstallationSummary extends KnownInstallation {
  observedGeneration: number;
  version: string | undefined;
  releaseDigest: string | undefined;
  message: string | undefined;
  /** As it was written down last. */
  health: HealthState | undefined;
  watched: readonly string[];
  /** What is measured of it. */
  metrics: ReleaseMetrics | undefined;
  belongings: Belongings;
  /** Workloads that were applied, as `Deployment/web`. */
  workloads: readonly string[];
  /** What a person has to know beside its health: what others changed, and what its schedule did. */
  remarks: readonly HealthReason[];
  /** To which generations it can go back. */
  kept: readonly KeptGeneration[];
  endpoints: readonly ServiceEndpoint[];
  /** Of the generation that runs. */
  schedule: Schedule | undefined;
  scheduled: ScheduleStatus | undefined;
  underWay: UnderWay | undefined;
  /** Keys of what was left as it is. */
  openDrift: readonly string[];
}

export interface InstallationsOptions {
  kube: KubeClient;
  /** The agent's own. */
  namespace: string;
  log: Log;
  signal: AbortSignal;
  /** After each write, and for each that was found. */
  onChange: (summary: InstallationSummary) => void;
}

/** Somebody deleted the object. */
export class InstallationGoneError extends Error {
  override readonly name = 'InstallationGoneError';
}

const MAX_FORMER_IDS = 50;
/** The hub takes no longer one either. */
const MAX_MESSAGE = 1_000;

/** The installations of this cluster, as Installation objects. */
export class Installations {
  readonly #options: InstallationsOptions;
  readonly #known = new Map<string, InstallationSummary>();
  readonly #turns = new Map<string, Promise<void>>();

  constructor(options: InstallationsOptions) {
    this.#options = options;
  }

  async load(): Promise<void> {
    const { kube, namespace, signal, log } = this.#options;
    const objects = await persist(() => kube.list(INSTALLATION, namespace, { pageSize: 10, signal }), signal);
    for (const object of objects) {
      const decoded = decodeInstallation(object);
      if (decoded.ok) this.#keep(decoded.value);
      else
        log.error('an Installation cannot be read and is left alone', {
          name: object.metadata.name,
          why: decoded.error,
        });
    }
  }

  all(): InstallationSummary[] {
    return [...this.#known.values()];
  }

  byName(name: string): InstallationSummary | undefined {
    return this.#known.get(name);
  }

  /** Ids that are lost with the object of a removed one whose name this one takes, unless they were written down elsewhere before. */
  idsReplacedBy({ name, installationId }: DesiredState): string[] {
    const before = this.#known.get(name);
    return before && before.id !== installationId ? [...before.formerIds, before.id] : [];
  }

  /**
   * The generation counts as seen from now on, whatever becomes of it. Takes the place of a removed one of that name.
   * @param noted ids of removed ones of that name, as they were written down before it was replaced
   */
  async accept(desired: DesiredState, noted: readonly string[] = []): Promise<void> {
    const { name, installationId, generation } = desired;
    const before = this.#known.get(name);
    const known = before?.id === installationId ? before.formerIds : this.idsReplacedBy(desired);
    const formerIds = [...new Set([...known, ...noted])].filter((id) => id !== installationId).slice(-MAX_FORMER_IDS);
    if (before?.id !== installationId) await this.#create(desired, before);
    await this.write(name, { generation, desired, ...(formerIds.length > 0 && { formerIds }) });
  }

  /** Makes the object anew that somebody deleted, with as much of it as is in memory. */
  async recreate(name: string): Promise<void> {
    const known = this.#known.get(name);
    if (!known) throw new Error(`Installation ${name} is not known`);
    const { id: installationId, service, namespace, generation, formerIds } = known;
    await this.#create({ name, installationId, service, namespace }, undefined);
    await this.write(name, { generation, ...(formerIds.length > 0 && { formerIds: [...formerIds] }) });
  }

  /** In full. @throws InstallationGoneError */
  async read(name: string): Promise<InstallationRecord> {
    const { kube, namespace, signal } = this.#options;
    const object = await persist(() => kube.get(INSTALLATION, namespace, name, { signal }), signal);
    if (!object) throw new InstallationGoneError(`Installation ${name} is not there any more`);
    const decoded = decodeInstallation(object);
    if (!decoded.ok) throw new Error(`Installation ${name} cannot be read: ${decoded.error}`);
    return decoded.value;
  }

  /**
   * Changes these fields of its status, each as a whole: of a field of before nothing is left that this one does not say. Null
   * would remove one, and a long message is cut. One write after the other: of two at
   * once, the answer to the first may come last, and what is kept of it would not be what is there.
   * @throws InstallationGoneError
   */
  async write(name: string, status: StatusPatch): Promise<void> {
    await inTurn(this.#turns, name, () => this.#write(name, status));
  }

  async #write(name: string, status: StatusPatch): Promise<void> {
    const { kube, namespace, signal } = this.#options;
    const { message } = status;
    const bounded = message ? { ...status, message: message.slice(0, MAX_MESSAGE) } : status;
    const set = (): Promise<KubeObject> => kube.setStatusFields(INSTALLATION, namespace, name, bounded, { signal });
    const object = await persist(set, signal).catch((error: unknown) => {
      if (!isKubeError(error) || error.status !== 404) throw error;
      throw new InstallationGoneError(`Installation ${name} is not there any more`, { cause: error });
    });
    const decoded = decodeInstallation(object);
    if (!decoded.ok) throw new Error(`Installation ${name} cannot be read after writing: ${decoded.error}`);
    this.#keep(decoded.value);
  }

  async #create(
    desired: Pick<DesiredState, 'name' | 'installationId' | 'service' | 'namespace'>,
    removed: InstallationSummary | undefined,
  ): Promise<void> {
    const { kube, namespace, signal } = this.#options;
    const { name, installationId: id, service, namespace: target } = desired;
    if (removed) await persist(() => kube.remove(INSTALLATION, namespace, name, { signal }), signal);
    const object: KubeObject = {
      apiVersion: apiVersionOf(INSTALLATION),
      kind: INSTALLATION.kind,
      metadata: { name, namespace },
      spec: { id, service, namespace: target },
    };
    const created = await persist(async () => {
      try {
        return await kube.create(object, { signal });
      } catch (error) {
        const existing = isKubeError(error, 'AlreadyExists')
          ? await kube.get(INSTALLATION, namespace, name)
          : undefined;
        if (!existing) throw error;
        return existing;
      }
    }, signal);
    const decoded = decodeInstallation(created);
    if (!decoded.ok || decoded.value.id !== id) throw new Error(`Installation ${name} is there and is another one`);
  }

  #keep({ id, name, service, namespace, status }: InstallationRecord): void {
    const { generation, observedGeneration, state, version, releaseDigest, message, health, watched, metrics } = status;
    const summary: InstallationSummary = {
      id,
      name,
      service,
      namespace,
      releaseName: status.desired && releaseNameOf(status.desired),
      generation,
      observedGeneration,
      state,
      version,
      releaseDigest,
      message,
      health,
      watched,
      metrics,
      belongings: belongingsOf(status.inventory, status.claimMakers ?? []),
      workloads: status.inventory
        .filter(({ group, kind, uid }) => group === 'apps' && isWorkloadKind(kind) && uid !== undefined)
        .map((entry) => `${entry.kind}/${entry.name}`),
      formerIds: status.formerIds ?? [],
      remarks: [...scheduleReasons(name, status.schedule), ...driftReasons(status.drift)],
      kept: keptBesides(status),
      endpoints: status.endpoints ?? [],
      schedule: status.history.find((entry) => entry.generation === observedGeneration)?.runState?.schedule,
      scheduled: status.schedule,
      underWay: status.underWay,
      openDrift: openDriftOf(status.drift),
    };
    this.#known.set(name, summary);
    this.#options.onChange(summary);
  }
}

/** Beside what runs. One that was run in other ways since is named by the generation that brought it. */
function keptBesides({ state, observedGeneration, history }: InstallationStatus): KeptGeneration[] {
  return history
    .filter(({ generation }) => state === 'failed' || generation !== observedGeneration)
    .map(({ generation, setGeneration = generation, version }) => ({ generation: setGeneration, version }));
}

type Nullable<T> = { [K in keyof T]?: T[K] | null };
export type StatusPatch = Nullable<InstallationStatus>;
