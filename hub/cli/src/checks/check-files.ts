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

/** Each probe names a Service of the chart and one of its ports. */
export function checkProbes(
  yaml: StewardYaml,
  source: YamlSource | undefined,
  objects: readonly RenderedObject[],
  render: { releaseName: string; findings: Findings },
): void {
  const services = new Map(
    objects
      .filter(({ kind }) => kind === 'Service')
      .map((service) => [withPlaceholder(service.metadata.name, render.releaseName), portsOf(service)]),
  );
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
