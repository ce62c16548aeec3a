import * as Type from 'typebox';
import { compile } from '@steward/shared';

/** What is kept of an EndpointSlice: how many of a service's addresses take traffic. Those of pods that are on their way out do not count. */
export interface EndpointsView {
  service: string;
  ready: number;
  total: number;
  /** Names of the pods behind it, and at what they listen; for metrics. */
  pods: string[];
  ports: { name: string; port: number }[];
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
          targetRef: Type.Optional(
            Type.Object({ kind: Type.Optional(Type.String()), name: Type.Optional(Type.String()) }),
          ),
        }),
      ),
    ]),
    ports: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Array(
          Type.Object({
            name: Type.Optional(Type.String()),
            port: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
          }),
        ),
      ]),
    ),
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
    pods: endpoints.flatMap(({ targetRef }) => (targetRef?.kind === 'Pod' && targetRef.name) || []),
    ports: (decoded.value.ports ?? []).flatMap(({ name = '', port }) => (port ? { name, port } : [])),
    unreadySinceMs: undefined,
  };
}
