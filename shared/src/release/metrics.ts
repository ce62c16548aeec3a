import * as Type from 'typebox';
import type { Static } from 'typebox';

/** `http_requests_total`, as the Prometheus text format takes it. */
export const MetricName = Type.String({ maxLength: 200, pattern: '^[a-zA-Z_:][a-zA-Z0-9_:]*$' });

/** A Prometheus endpoint that each pod behind a Service has; the agent asks the pods themselves. */
export const ReleaseMetricsEndpoint = Type.Object({
  name: Type.String({
    pattern: '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$',
    description: 'Lower-case letters, digits, dashes. It is the label `endpoint` of each series.',
  }),
  service: Type.String({
    minLength: 1,
    maxLength: 253,
    description:
      "A Service of the chart; `${installation}` stands for the installation's name. All of its pods are asked.",
  }),
  port: Type.Union([Type.Integer({ minimum: 1, maximum: 65_535 }), Type.String({ minLength: 1, maxLength: 63 })], {
    description: "The name of one of the Service's ports, or the number at which its pods listen.",
  }),
  path: Type.Optional(Type.String({ maxLength: 500, pattern: '^/[!-~]*$', default: '/metrics' })),
  collect: Type.Array(MetricName, {
    minItems: 1,
    maxItems: 100,
    description: 'The metrics that are sent to the hub, by their exact names; nothing else leaves the cluster.',
  }),
});
export type ReleaseMetricsEndpoint = Static<typeof ReleaseMetricsEndpoint>;

/** What the agent measures of a service and sends to the hub. Signed, so the customer can read it before the install. */
export const ReleaseMetrics = Type.Object({
  intervalSeconds: Type.Integer({ minimum: 15, maximum: 3_600, default: 60 }),
  /** CPU and memory of the pods, where the cluster has the metrics API. */
  resources: Type.Optional(
    Type.Boolean({ description: "CPU and memory of the pods, by the cluster's metrics API where it has one." }),
  ),
  endpoints: Type.Array(ReleaseMetricsEndpoint, { maxItems: 10 }),
});
export type ReleaseMetrics = Static<typeof ReleaseMetrics>;
