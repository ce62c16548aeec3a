import { setTimeout as delay } from 'node:timers/promises';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile } from '@steward/shared';
import type { Log } from '../log.ts';
import type { KubeClient, KubeObject, ResourceRef } from './client.ts';
import { isKubeError, KubeError } from './error.ts';

const LEASES: ResourceRef = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
const LeaseShape = Type.Object({
  spec: Type.Optional(
    Type.Object({
      holderIdentity: Type.Optional(Type.String()),
      leaseDurationSeconds: Type.Optional(Type.Integer()),
      renewTime: Type.Optional(Type.String()),
      leaseTransitions: Type.Optional(Type.Integer()),
    }),
  ),
});
type LeaseSpec = NonNullable<Static<typeof LeaseShape>['spec']>;
const decodeLease = compile(LeaseShape);

export interface LeaseTimings {
  durationSeconds: number;
  renewMs: number;
  retryMs: number;
}
/** Of the duration, after which another one may take it: the rest is for what is on its way. */
const CERTAIN_SHARE = 2 / 3;
export const LEASE_TIMINGS: LeaseTimings = { durationSeconds: 30, renewMs: 10_000, retryMs: 2_000 };

export interface LeaseOptions {
  kube: KubeClient;
  namespace: string;
  name: string;
  /** The pod's name: a restarted container takes its own lease at once. */
  holder: string;
  log: Log;
  timings?: LeaseTimings;
}

/**
 * Elects the one replica that dials and changes the cluster. A Lease is no fence for what is on its way already, so every
 * effect is fenced by itself too. While the API server is away the holder stays the holder: nobody else can become it either.
 */
export class Election {
  readonly #options: LeaseOptions;
  readonly #timings: LeaseTimings;
  /** The version of another's lease, and since when we have seen it unchanged: clocks of two machines are not compared. */
  #observed: { version: string; sinceMs: number } | undefined;
  /** When the last renewal was sent that succeeded. */
  #renewedMs = Number.NEGATIVE_INFINITY;
  /** One at a time: two of ours would take each other for somebody else. */
  #renewal: Promise<true | string> | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timings = options.timings ?? LEASE_TIMINGS;
  }

  /** Resolves when this replica holds the lease; false when the signal fired before. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    const { log, holder } = this.#options;
    let told = '';
    while (!signal.aborted) {
      const outcome = await this.#tryToHold().catch((error: unknown) => String(error));
      if (outcome === true) {
        log.info('this replica holds the lease', { holder });
        return true;
      }
      if (told !== outcome) log.warn('waiting for the lease', { reason: outcome });
      told = outcome;
      await delay(this.#timings.retryMs, undefined, { signal }).catch(() => {});
    }
    return false;
  }

  /** Renews until the lease is seen in another's hands (resolves true) or the signal fires (resolves false, lease given back). */
  async hold(signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options;
    while (!signal.aborted) {
      await delay(this.#timings.renewMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) break;
      const outcome = await this.#tryToHold().catch((error: unknown) => {
        log.debug('the lease could not be renewed', { error });
        return true as const;
      });
      if (outcome !== true) {
        log.warn('lost the lease', { reason: outcome });
        return true;
      }
    }
    await this.#release().catch((error: unknown) => log.debug('the lease was not given back', { error }));
    return false;
  }

  /** Whether the API server says, now, that this replica holds the lease. @throws KubeError */
  async confirm(): Promise<boolean> {
    return (await this.#tryToHold()) === true;
  }

  /**
   * To be called before each change of the cluster. A replica that was paused (its node, its processor) goes on where it was, and
   * another one has gone on with its work meanwhile: without a renewal that is young enough it renews first.
   * @throws KubeError `NotHolder`; what waits with patience waits until the term ends
   */
  async ensureHeld(): Promise<void> {
    if (performance.now() - this.#renewedMs < this.#timings.durationSeconds * 1000 * CERTAIN_SHARE) return;
    const outcome = await this.#tryToHold();
    if (outcome !== true) throw new KubeError(`nothing is changed: ${outcome}`, { status: 0, reason: 'NotHolder' });
  }

  /** @returns true, or who holds it. @throws KubeError */
  #tryToHold(): Promise<true | string> {
    this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  async #renew(): Promise<true | string> {
    const sentMs = performance.now();
    const outcome = await this.#renewOnce();
    if (outcome === true) this.#renewedMs = sentMs;
    return outcome;
  }

  async #renewOnce(): Promise<true | string> {
    const { kube, namespace, name, holder } = this.#options;
    const found = await kube.get(LEASES, namespace, name);
    if (!found)
      return this.#write(() => kube.create(this.#lease(undefined, { holderIdentity: holder, leaseTransitions: 0 })));
    const spec = specOf(found);
    const isOurs = spec.holderIdentity === holder;
    if (!isOurs && !this.#isFree(found, spec)) return `${spec.holderIdentity ?? 'nobody'} holds it`;
    const leaseTransitions = (spec.leaseTransitions ?? 0) + (isOurs ? 0 : 1);
    return this.#write(() => kube.update(this.#lease(found, { holderIdentity: holder, leaseTransitions })));
  }

  async #write(write: () => Promise<unknown>): Promise<true | string> {
    try {
      await write();
      this.#observed = undefined;
      return true;
    } catch (error) {
      if (isKubeError(error) && (error.status === 409 || error.status === 404)) return 'somebody else was faster';
      throw error;
    }
  }

  #isFree(lease: KubeObject, spec: LeaseSpec): boolean {
    if (spec.holderIdentity === undefined || spec.holderIdentity === '') return true;
    const version = lease.metadata.resourceVersion ?? '';
    if (this.#observed?.version !== version) this.#observed = { version, sinceMs: performance.now() };
    const lifeMs = (spec.leaseDurationSeconds ?? this.#timings.durationSeconds) * 1000;
    return performance.now() - this.#observed.sinceMs > lifeMs;
  }

  #lease(found: KubeObject | undefined, spec: LeaseSpec): KubeObject {
    const { namespace, name } = this.#options;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name,
        namespace,
        ...(found?.metadata.resourceVersion !== undefined && { resourceVersion: found.metadata.resourceVersion }),
      },
      spec: {
        ...spec,
        leaseDurationSeconds: this.#timings.durationSeconds,
        renewTime: new Date().toISOString().replace('Z', '000Z'),
      },
    };
  }

  async #release(): Promise<void> {
    const { kube, namespace, name, holder } = this.#options;
    this.#renewedMs = Number.NEGATIVE_INFINITY;
    const found = await kube.get(LEASES, namespace, name);
    if (!found || specOf(found).holderIdentity !== holder) return;
    await kube.update(
      this.#lease(found, { holderIdentity: '', leaseTransitions: specOf(found).leaseTransitions ?? 0 }),
    );
  }
}

function specOf(lease: KubeObject): LeaseSpec {
  const decoded = decodeLease(lease);
  return decoded.ok ? (decoded.value.spec ?? {}) : {};
}
