import { expect, it } from 'vitest';
import type { KubeObject } from '../kube/client.ts';
import { endpointsOf } from './endpoints.ts';

const service = (name: string, spec: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec,
});
const own = service('nats', { ports: [{ name: 'nats', port: 4222, targetPort: 'nats' }, { port: 8222 }] });
const headless = service('nats-servers', { clusterIP: 'None', ports: [{ port: 6222 }] });
const outside = service('out', { type: 'LoadBalancer', ports: [{ port: 53, protocol: 'UDP' }] });

it('every port of every Service is told, with what is not usual about it', () => {
  expect(endpointsOf([own, outside])).toEqual([
    { service: 'nats', port: 4222, name: 'nats' },
    { service: 'nats', port: 8222 },
    { service: 'out', port: 53, protocol: 'UDP', type: 'LoadBalancer' },
  ]);
});

it('a headless Service is told only where there is no other, and never one that leads elsewhere', () => {
  expect(endpointsOf([headless, own]).map(({ service: name }) => name)).toEqual(['nats', 'nats']);
  expect(endpointsOf([headless])).toEqual([{ service: 'nats-servers', port: 6222 }]);
  const elsewhere = service('mail', { type: 'ExternalName', externalName: 'mail.example', ports: [{ port: 25 }] });
  expect(endpointsOf([elsewhere, { ...own, apiVersion: 'serving.example/v1' }])).toEqual([]);
});

it('a Service that cannot be read is left out, and there are never more than the hub takes', () => {
  const ports = Array.from({ length: 50 }, (_, index) => ({ port: index + 1 }));
  expect(endpointsOf([service('bad', { ports: [{ port: 'http' }] }), service('many', { ports })])).toHaveLength(20);
});
