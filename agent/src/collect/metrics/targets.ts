import { forInstallation } from '@steward/shared';
import type { ReleaseMetrics, ReleaseMetricsEndpoint } from '@steward/shared';
import type { NamespaceObjects } from '../namespace-objects.ts';

/** A page of metrics of one pod. */
export interface Target {
  endpoint: ReleaseMetricsEndpoint;
  pod: string;
  uid: string;
  ip: string;
  port: number;
}

/** Pages of one installation that are asked for. */
const MAX_TARGETS = 100;

/**
 * The pods of the namespace behind the Services that a release names, at their own addresses: what an EndpointSlice says counts for nothing but
 * the name of a pod and of a port, or a chart could point the agent anywhere. A pod in the network of its node is left out for the same reason.
 */
export function targetsOf(
  { endpoints }: ReleaseMetrics,
  objects: Pick<NamespaceObjects, 'pods' | 'endpoints'>,
  releaseName: string,
): { targets: Target[]; problems: Map<string, string> } {
  const pods = new Map([...objects.pods.values()].map((pod) => [pod.name, pod]));
  const targets: Target[] = [];
  const problems = new Map<string, string>();
  for (const endpoint of endpoints)
    for (const { port, names } of placesOf(endpoint, objects, serviceOf(endpoint, releaseName)))
      for (const name of names) {
        const { phase, goneByMs, ip, uid } = pods.get(name) ?? {};
        if (phase !== 'Running' || goneByMs !== undefined || uid === undefined) continue;
        const problem = problemOf(endpoint, { port, ip, pod: name, count: targets.length });
        if (problem !== undefined) problems.set(endpoint.name, problem);
        else if (port !== undefined && ip !== undefined) targets.push({ endpoint, pod: name, uid, ip, port });
      }
  return { targets, problems };
}

function problemOf(
  { port: wanted }: ReleaseMetricsEndpoint,
  { port, ip, pod, count }: { port: number | undefined; ip: string | undefined; pod: string; count: number },
): string | undefined {
  if (port === undefined) return `the Service has no port "${wanted}"`;
  if (ip === undefined) return `pod ${pod} has no address of its own`;
  return count >= MAX_TARGETS ? `only ${MAX_TARGETS} pages are asked for` : undefined;
}

/** The names of the pods behind the Service, and at what they listen. */
function placesOf(
  { port }: ReleaseMetricsEndpoint,
  { endpoints }: Pick<NamespaceObjects, 'endpoints'>,
  service: string,
): { port: number | undefined; names: readonly string[] }[] {
  return [...endpoints.values()]
    .filter((slice) => slice.service === service)
    .map(({ ports, pods: names }) => ({
      port: typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.port,
      names,
    }));
}

export function serviceOf({ service }: ReleaseMetricsEndpoint, releaseName: string): string {
  return forInstallation(service, releaseName);
}
