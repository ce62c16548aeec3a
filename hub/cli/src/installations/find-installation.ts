import { Installation } from '@steward/shared';
import { CliError } from '../cli-error.ts';
import { UUID } from '../clusters/find-cluster.ts';
import { EXIT } from '../exit-codes.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';

/** Finds an installation by name, `cluster/name`, `customer/cluster/name` or id. @throws CliError when there is none, or several */
export async function findInstallation(hub: HubClient, wanted: string): Promise<Installation> {
  if (UUID.test(wanted)) return hub.get(Installation, apiPath`/installations/${wanted}`);
  const [name = '', cluster, customer] = wanted.split('/').toReversed();
  const found = await hub.list(Installation, '/installations', { name, cluster, customer });
  const [installation] = found;
  if (!installation)
    throw new CliError(EXIT.notFound, `there is no installation "${wanted}"`, {
      action: 'See `steward installation list`.',
    });
  if (found.length > 1)
    throw new CliError(EXIT.conflict, `${found.length} installations are called "${wanted}"`, {
      action: `Say which: ${found.map((one) => `${one.customer}/${one.cluster}/${one.name}`).join(' or ')}`,
    });
  return installation;
}
