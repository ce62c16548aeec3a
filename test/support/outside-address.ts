import type { Stack } from './stack.ts';

/** Where a client on this machine reaches the pods behind a Service: a NodePort as the customer would add it, beside the service's own. */
export interface OutsideService {
  namespace: string;
  /** Whose pods are reached. */
  service: string;
  port: number;
}

/** @returns `10.0.0.1:30422` */
export async function outsideAddress(
  stack: Stack,
  nodeAddress: string,
  { namespace, service, port }: OutsideService,
): Promise<string> {
  const selector = JSON.parse(
    await stack.kubectl(['get', 'service', service, '-n', namespace, '-o', 'jsonpath={.spec.selector}']),
  ) as object;
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'outside', namespace },
    spec: { type: 'NodePort', selector, ports: [{ name: 'client', port }] },
  };
  const created = JSON.parse(await stack.kubectl(['apply', '-o', 'json', '-f', '-'], JSON.stringify(object))) as {
    spec: { ports: { nodePort: number }[] };
  };
  return `${nodeAddress}:${created.spec.ports[0]?.nodePort}`;
}
