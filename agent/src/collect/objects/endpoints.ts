import Type from 'typebox';
import { compile } from '@steward/shared';

/** What is kept of an EndpointSlice: how many of a service's addresses take traffic. Those of pods that are on their way out do not count. */
export interface EndpointsView {
  service: string;
  ready: number;
  total: number;
  /** Since when none is ready; kept by whoever watches. */
  unreadySinceMs: number | undefined;
}

const Flag = Type.Optional(Type.Union([Type.Boolean(), Type.Null()]));
const decodeSlice = compile(
  Type.Object({
    metadata: Type.Object({ labels: Type.Object({ 'kubernetes.io/service-name': Type.String() }) }),
    endpoints: Type.Union([
      Type.Null(),
      Type.Array(
        Type.Object({
          conditions: Type.Optional(Type.Object({ ready: Flag, terminating: Flag })),
        }),
      ),
    ]),
  }),
);

/** The small view of an EndpointSlice of a service; undefined for others. An unknown readiness counts as ready, as the API says. */
export function endpointsView(object: unknown): EndpointsView | undefined {
  const decoded = decodeSlice(object);
  if (!decoded.ok) return undefined;
  const all = decoded.value.endpoints ?? [];
  const endpoints = all.filter(({ conditions }) => conditions?.terminating !== true);
  return {
    service: decoded.value.metadata.labels['kubernetes.io/service-name'],
    ready: endpoints.filter(({ conditions }) => conditions?.ready !== false).length,
    total: endpoints.length,
    unreadySinceMs: undefined,
  };
}
