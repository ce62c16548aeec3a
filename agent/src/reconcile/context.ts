import type { AgentConfig } from '../config.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Link } from '../link/link.ts';
import type { Log } from '../log.ts';
import type { Installations } from '../operations/installation/installations.ts';
import type { Journal } from '../operations/journal/journal.ts';
import type { Monitors } from './monitors.ts';
import type { RenderRoom } from './render/render-room.ts';
import type { RenderStore } from './render/render-store.ts';

export type ReconcileConfig = Pick<
  AgentConfig,
  'namespace' | 'organization' | 'releaseKeys' | 'fieldManager' | 'helmPath' | 'tmpDir' | 'proxyEnv'
>;

/** What every operation works with. */
export interface ReconcileContext {
  kube: KubeClient;
  link: Pick<Link, 'fetchRelease' | 'fetchChart' | 'sendResult' | 'sendEvent'>;
  config: ReconcileConfig;
  journal: Journal;
  installations: Installations;
  renders: RenderStore;
  monitors: Monitors;
  /** A module that calls `runRenderWorker` when it is loaded in a worker. */
  renderEntry: URL;
  room: RenderRoom;
  /** The API server's time. */
  now: () => Date;
  log: Log;
}
