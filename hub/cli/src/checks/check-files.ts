import { containersOf, podSpecOf, type RenderedObject, isRecord } from '@steward/shared';
import type { Findings } from '../findings/finding.ts';
import type { StewardYaml } from '../steward-yaml/steward-yaml.ts';
import type { YamlSource } from '../steward-yaml/yaml-source.ts';
import { objectName } from '../render/rendered-set.ts';
import { INSTALLATION, withPlaceholder } from './permissions.ts';

function portsOf(service: RenderedObject): (string | number)[] {
  const spec = service['spec'];
  const ports = isRecord(spec) && Array.isArray(spec['ports']) ? spec['ports'].filter(isRecord) : [];
  return ports
    .flatMap((port) => [port['port'], port['name']])
    .filter((port) => typeof port === 'string' || typeof port === 'number');
}

interface Rendered {
  releaseName: string;
  findings: Findings;
}

/** The ports of each Service, by its name with the placeholder in it. */
function servicesOf(objects: readonly RenderedObject[], releaseName: string): Map<string, (string | number)[]> {
  const services = objects.filter(({ kind }) => kind === 'Service');
  return new Map(services.map((service) => [withPlaceholder(service.metadata.name, releaseName), portsOf(service)]));
}

/** Each probe names a Service of the chart and one of its ports. */
export function checkProbes(
  yaml: StewardYaml,
  source: YamlSource | undefined,
  objects: readonly RenderedObject[],
  render: Rendered,
): void {
  const services = servicesOf(objects, render.releaseName);
  for (const [at, probe] of (yaml.probes ?? []).entries()) {
    const ports = services.get(probe.service);
    if (ports?.includes(probe.port)) continue;
    const field = ports ? 'port' : 'service';
    const known = (ports ?? [...services.keys()]).join(', ') || 'none';
    render.findings.add('error', 'probe', `probe "${probe.name}": there is no ${field} ${String(probe[field])}`, {
      place: source?.placeOf(['probes', at, field]),
      action: `There are: ${known}. ${INSTALLATION} stands for the installation's name.`,
    });
  }
}

/** Each endpoint of metrics has a name of its own and names a Service of the chart, and a port of it where it names one. */
export function checkMetrics(
  yaml: StewardYaml,
  source: YamlSource | undefined,
  objects: readonly RenderedObject[],
  { releaseName, findings }: Rendered,
): void {
  const services = servicesOf(objects, releaseName);
  const names = new Set<string>();
  for (const [at, { name, service, port }] of (yaml.metrics?.endpoints ?? []).entries()) {
    const tell = (field: string, message: string, action: string): void =>
      findings.add('error', 'metrics', `metrics endpoint "${name}": ${message}`, {
        place: source?.placeOf(['metrics', 'endpoints', at, field]),
        action,
      });
    if (names.has(name)) tell('name', 'there are two of this name', 'Give one of them another name.');
    names.add(name);
    const ports = services.get(service);
    const known = [...services.keys()].join(', ') || 'none';
    if (!ports)
      tell(
        'service',
        `there is no Service ${service}`,
        `There are: ${known}. ${INSTALLATION} stands for the installation's name.`,
      );
    // A number is the pods', which a Service need not have.
    else if (typeof port === 'string' && !ports.includes(port))
      tell(
        'port',
        `Service ${service} has no port "${port}"`,
        `There are: ${ports.join(', ')}; or give the number at which the pods listen.`,
      );
  }
}

/** Whether any container of the chart runs as root by its own word; told once, as advice. */
export function checkUsers(
  objects: readonly RenderedObject[],
  { releaseName, findings }: { releaseName: string; findings: Findings },
): void {
  for (const object of objects) {
    const pod = podSpecOf(object);
    if (!pod) continue;
    const isNonRoot = (holder: Record<string, unknown>): boolean =>
      isRecord(holder['securityContext']) && holder['securityContext']['runAsNonRoot'] === true;
    if (isNonRoot(pod) || containersOf(pod).every((container) => isNonRoot(container))) continue;
    findings.add(
      'note',
      'may-be-root',
      `${withPlaceholder(objectName(object), releaseName)} does not say runAsNonRoot`,
      {
        action: 'Namespaces that enforce the restricted pod security standard refuse such pods.',
      },
    );
  }
}
