import { Cluster } from '@steward/shared';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { HubClient } from '../hub-api/hub-client.ts';

/** The only cluster of a customer. @throws CliError when there is none, or several */
export async function clusterOfCustomer(hub: HubClient, customer: string): Promise<Cluster> {
  const found = await hub.list(Cluster, '/clusters', { customer });
  const [cluster, other] = found;
  if (!cluster)
    throw new CliError(EXIT.notFound, `${customer} has no cluster`, { action: 'See `steward cluster list`.' });
  if (other)
    throw new CliError(EXIT.conflict, `${customer} has ${found.length} clusters`, {
      action: `Say which: ${found.map(({ name }) => `--cluster ${customer}/${name}`).join(' or ')}`,
    });
  return cluster;
}
