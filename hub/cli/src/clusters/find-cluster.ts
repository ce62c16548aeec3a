import { Cluster } from '@steward/shared';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Finds a cluster by name, `customer/name` or id. @throws CliError when there is none, or several of that name */
export async function findCluster(hub: HubClient, wanted: string): Promise<Cluster> {
  if (UUID.test(wanted)) return hub.get(Cluster, apiPath`/clusters/${wanted}`);
  const [name = '', customer] = wanted.split('/').toReversed();
  const found = await hub.list(Cluster, '/clusters', { name, customer });
  const [cluster] = found;
  if (!cluster)
    throw new CliError(EXIT.notFound, `there is no cluster "${wanted}"`, { action: 'See `steward cluster list`.' });
  if (found.length > 1)
    throw new CliError(EXIT.conflict, `${found.length} clusters are called "${wanted}"`, {
      action: `Say which: ${found.map((one) => `${one.customer}/${one.name}`).join(' or ')}`,
    });
  return cluster;
}
