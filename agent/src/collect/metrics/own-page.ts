import { HEALTH_STATES, PRODUCT_VERSION, type HealthState } from '@steward/shared';
import type { MetricsLook } from '../../link/link.ts';

export interface Entry {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** An installation as the customer's own Prometheus is told of it. */
export interface MeasuredInstallation {
  name: string;
  namespace: string;
  service: string;
  health: HealthState | undefined;
  /** What its pods told last, if anything is measured. */
  look: MetricsLook | undefined;
}

/** The agent's own names; what a service tells has no help, since its pages are not passed on whole. */
const HELP: Record<string, string> = {
  steward_agent_info: 'gauge The version of the agent.',
  steward_agent_connected: 'gauge Whether the agent is connected to its hub.',
  steward_installation_health: 'gauge 1 for the state that the health of an installation is in, 0 for the others.',
  steward_endpoint_up: 'gauge Whether a pod gave its page of metrics when it was asked last.',
  process_cpu_seconds_total: 'counter Processor time of the agent.',
  process_resident_memory_bytes: 'gauge Memory of the agent.',
  process_start_time_seconds: 'gauge When the agent started, in seconds since 1970.',
};

export function agentEntries(isConnected: boolean): Entry[] {
  const { user, system } = process.cpuUsage();
  const plain: [string, number][] = [
    ['steward_agent_connected', isConnected ? 1 : 0],
    ['process_cpu_seconds_total', (user + system) / 1e6],
    ['process_resident_memory_bytes', process.memoryUsage.rss()],
    ['process_start_time_seconds', performance.timeOrigin / 1_000],
  ];
  return [
    { name: 'steward_agent_info', labels: { version: PRODUCT_VERSION }, value: 1 },
    ...plain.map(([name, value]) => ({ name, labels: {}, value })),
  ];
}

export function installationEntries({ name, namespace, service, health, look }: MeasuredInstallation): Entry[] {
  const own = { installation: name, namespace };
  const states = HEALTH_STATES.map((state) => ({
    name: 'steward_installation_health',
    labels: { ...own, service, state },
    value: health === state ? 1 : 0,
  }));
  const measured = (look?.series ?? []).map(([metric, { installation, namespace: other, ...labels }], at) => ({
    // Prometheus has an `up` of its own for each of its targets.
    name: metric === 'up' ? 'steward_endpoint_up' : metric,
    labels: {
      ...labels,
      ...(installation !== undefined && { exported_installation: installation }),
      ...(other !== undefined && { exported_namespace: other }),
      ...own,
    },
    value: look?.values[at] ?? Number.NaN,
  }));
  return health === undefined ? measured : [...states, ...measured];
}

/** In Prometheus' text format, version 0.0.4: the lines of one metric together. */
export function expositionOf(entries: readonly Entry[]): string {
  const lines = [...Map.groupBy(entries, ({ name }) => name)].flatMap(([name, all]) => {
    const [, type, help] = /^(\S+) (.*)$/.exec(HELP[name] ?? '') ?? [];
    const head = type === undefined ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
    return [...head, ...all.map(({ labels, value }) => `${name}${labelsText(labels)} ${value}`)];
  });
  return `${lines.join('\n')}\n`;
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

function labelsText(labels: Record<string, string>): string {
  const texts = Object.entries(labels).map(([name, value]) => {
    const text = value.replaceAll(/["\\\n]/g, (character) => ESCAPES[character] ?? character);
    return `${name}="${text}"`;
  });
  return texts.length === 0 ? '' : `{${texts.join(',')}}`;
}
