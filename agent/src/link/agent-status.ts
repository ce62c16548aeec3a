import { setTimeout as delay } from 'node:timers/promises';
import { AGENT_OBJECT, API_VERSION, PRODUCT_VERSION } from '@steward/shared';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/error.ts';
import type { Log } from '../log.ts';
import { AGENT } from '../operations/kinds.ts';
import type { LinkState } from './hub-link.ts';

/** Between two writes of the status: a link that comes and goes must not hammer the API server. */
const INTERVAL_MS = 1_000;
const RETRY_MS = 5_000;

export interface AgentStatusOptions {
  kube: KubeClient;
  namespace: string;
  hub: string;
  log: Log;
}

/** Keeps the `Agent` object's status as the link says: the latest state is written, the ones in between may be skipped. */
export class AgentStatus {
  readonly #options: AgentStatusOptions;
  readonly #stopping = new AbortController();
  #wanted: Record<string, unknown> | undefined;
  #writing: Promise<void> | undefined;
  #written = '';

  constructor(options: AgentStatusOptions) {
    this.#options = options;
  }

  update(state: LinkState): void {
    this.#wanted = {
      connected: state.isConnected,
      hub: this.#options.hub,
      message: state.message.slice(0, 2000),
      version: PRODUCT_VERSION,
      ...(state.kubernetesVersion !== '' && { kubernetesVersion: state.kubernetesVersion }),
      ...(state.clusterName !== '' && { clusterName: state.clusterName }),
      ...(state.clockSkewMs !== undefined && { clockSkewMs: state.clockSkewMs }),
      ...(state.isConnected && { lastConnectedAt: new Date().toISOString() }),
    };
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when the last state is written, or after a moment when it cannot be. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#writing, delay(1_500, undefined, { ref: false })]);
    this.#wanted = undefined;
  }

  async #write(): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#wanted) {
      const status = this.#wanted;
      const text = JSON.stringify(status);
      this.#wanted = undefined;
      if (text === this.#written) return;
      const isWritten = await this.#patch(status);
      if (isWritten) this.#written = text;
      else this.#wanted ??= status;
      if (!isWritten && signal.aborted) return;
      await delay(isWritten ? INTERVAL_MS : RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #patch(status: Record<string, unknown>): Promise<boolean> {
    const { kube, namespace, log } = this.#options;
    try {
      await kube.patchStatus(AGENT, namespace, AGENT_OBJECT, { status }).catch(async (error: unknown) => {
        if (!isKubeError(error) || error.status !== 404) throw error;
        await kube.create({ apiVersion: API_VERSION, kind: 'Agent', metadata: { name: AGENT_OBJECT, namespace } });
        await kube.patchStatus(AGENT, namespace, AGENT_OBJECT, { status });
      });
      return true;
    } catch (error) {
      log.warn('the status of the Agent object could not be written', { error });
      return false;
    }
  }
}
