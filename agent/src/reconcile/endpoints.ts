import * as Type from 'typebox';
import { compile, type ServiceEndpoint } from '@steward/shared';
import type { KubeObject } from '../kube/client.ts';

/** The hub takes no more. */
const MAX_ENDPOINTS = 20;

const decode = compile(
  Type.Object({
    metadata: Type.Object({ name: Type.String() }),
    spec: Type.Object({
      type: Type.Optional(Type.String()),
      clusterIP: Type.Optional(Type.String()),
      ports: Type.Array(
        Type.Object({
          name: Type.Optional(Type.String()),
          port: Type.Integer({ minimum: 1, maximum: 65_535 }),
          protocol: Type.Optional(Type.String()),
        }),
      ),
    }),
  }),
);

/**
 * At which Services and ports other programs reach what a set runs. A headless Service counts only where there is no other:
 * it is mostly for the pods among themselves.
 */
export function endpointsOf(objects: readonly KubeObject[]): ServiceEndpoint[] {
  const services = objects.flatMap((object) => {
    const decoded = object.apiVersion === 'v1' && object.kind === 'Service' ? decode(object) : undefined;
    return decoded?.ok && decoded.value.spec.type !== 'ExternalName' ? [decoded.value] : [];
  });
  const withAddress = services.filter(({ spec }) => spec.clusterIP !== 'None');
  const shown = withAddress.length > 0 ? withAddress : services;
  const endpoints = shown.flatMap(({ metadata, spec: { type = 'ClusterIP', ports } }) =>
    ports.map(({ name, port, protocol = 'TCP' }): ServiceEndpoint => ({
      service: metadata.name,
      port,
      ...(name !== undefined && { name }),
      ...(protocol !== 'TCP' && { protocol }),
      ...(type !== 'ClusterIP' && { type }),
    })),
  );
  return endpoints.slice(0, MAX_ENDPOINTS);
}
