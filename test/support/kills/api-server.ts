import type { ClusterHandle } from '../../cluster/cluster.ts';
import { waitUntil } from '../wait-until.ts';

const NAME = 'kube-apiserver';
/** It comes back after some seconds, on a busy machine later. */
const PATIENCE_MS = 120_000;

/** The API server that all lanes share. Two that want it dead at once have a death each, one after the other. */
export class ApiServer {
  readonly #cluster: ClusterHandle;
  #before: Promise<unknown> = Promise.resolve();

  constructor(cluster: ClusterHandle) {
    this.#cluster = cluster;
  }

  /** SIGKILL, as soon as it runs. @returns whether it died of that, by the count of who starts it again */
  kill(): Promise<boolean> {
    const death = this.#before.then(() => this.#kill());
    this.#before = death.catch(() => undefined);
    return death;
  }

  async #kill(): Promise<boolean> {
    const running = async (): Promise<{ restarts: number } | undefined> => {
      const { state, restarts } = await this.#cluster.state(NAME);
      return state === 'running' ? { restarts } : undefined;
    };
    const before = await waitUntil(running, { what: 'the API server runs', timeoutMs: PATIENCE_MS, intervalMs: 20 });
    await this.#cluster.component(NAME, 'kill');
    return (await this.#cluster.state(NAME)).restarts === before.restarts + 1;
  }
}
