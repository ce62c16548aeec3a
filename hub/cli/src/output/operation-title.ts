import { titleOfOperation, type Operation } from '@steward/shared';

/** `upgrade of nats to 2.15.2`, `stop of nats`. */
export function operationTitle({
  kind,
  installation,
  version,
}: Pick<Operation, 'kind' | 'installation' | 'version'>): string {
  return titleOfOperation(kind, installation, version);
}
