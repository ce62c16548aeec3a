import { inject } from 'vitest';
import { TEST_CLUSTER, testCluster } from '../cluster-setup.ts';
import { ApiServer } from './api-server.ts';
import { Lane, type LaneOptions } from './lane.ts';
import { Ledger } from './ledger.ts';

export interface OpenLanes {
  lanes: Lane[];
  close(): Promise<void>;
}

/** Lanes on what the global set-up of the system level provides. What was opened is closed again when one cannot be. */
export async function openLanes(count: number): Promise<OpenLanes> {
  const cluster = await testCluster();
  const ledger = await Ledger.open(TEST_CLUSTER);
  const options: LaneOptions = {
    kubeconfig: inject('kubeconfig'),
    hostAddress: inject('hostAddress'),
    postgresUrl: inject('postgresUrl'),
    agentImage: inject('agentImage'),
    probe: inject('probeImages').one,
    ledger,
    apiServer: new ApiServer(cluster),
  };
  const opened = await Promise.allSettled(Array.from({ length: count }, () => Lane.open(options)));
  const lanes = opened.flatMap((lane) => (lane.status === 'fulfilled' ? [lane.value] : []));
  const close = async (): Promise<void> => {
    await Promise.all(lanes.map((lane) => lane.close()));
    await ledger.close();
  };
  const failed = opened.find((lane) => lane.status === 'rejected');
  if (failed) {
    await close();
    throw new Error('a lane could not be opened', { cause: failed.reason });
  }
  return { lanes, close };
}
