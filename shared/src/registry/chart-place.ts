import * as Type from 'typebox';

/** Where a chart lies in an OCI registry, without tag and digest: the host, its port where it has one, and the path. */
export const ChartPlace = Type.String({
  maxLength: 300,
  pattern: '^[a-z0-9]+([.-][a-z0-9]+)*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$',
  description: 'registry.acme.example/charts/nats',
});

/** `docker.io/acme/nats` → the host that answers for it, and what the chart is called there. */
export function partsOfPlace(place: string): { host: string; repository: string } {
  const slash = place.indexOf('/');
  const host = place.slice(0, slash);
  return { host: host === 'docker.io' ? 'registry-1.docker.io' : host, repository: place.slice(slash + 1) };
}
