import type { Operation } from '@steward/shared';

/** `upgrade of nats to 2.15.2`, `uninstall of nats`. */
export function operationTitle({
  kind,
  installation,
  version,
}: Pick<Operation, 'kind' | 'installation' | 'version'>): string {
  return kind === 'uninstall' ? `uninstall of ${installation}` : `${kind} of ${installation} to ${version}`;
}
