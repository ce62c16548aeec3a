import { parse } from 'yaml';
import type { Lookup } from '@steward/shared';
import type { Chart } from '../chart/chart.ts';
import { inspectChart, type Inspection } from '../checks/inspect-chart.ts';
import { Findings } from '../findings/finding.ts';
import type { Renderer, RenderRequest } from '../render/helm.ts';

export interface Inspected {
  findings: Findings;
  inspection: Inspection;
  requests: RenderRequest[];
  codes: string[];
}

export type Render = (request: RenderRequest) => string;

const files: Record<string, string> = {
  'values.yaml': 'replicas: 1\nmetrics: false\n',
  'steward.yaml': 'parameters: { allow: [replicas, metrics] }\n',
  'values.schema.json': JSON.stringify({
    properties: { replicas: { type: 'integer', minimum: 1, maximum: 3 }, metrics: { type: 'boolean' } },
  }),
};

/** Stands for helm, which is a program of others: what it would print. */
export async function inspect(
  render: Render,
  more: Record<string, string> = {},
  options: { allowDiffering?: boolean; lookups?: Lookup[] } = {},
): Promise<Inspected> {
  const findings = new Findings();
  const all = { ...files, ...more };
  const chart: Chart = {
    meta: { apiVersion: 'v2', name: 'web', version: '1.0.0' },
    files: new Map(Object.entries(all).map(([path, text]) => [path, Buffer.from(text)])),
    values: parse(all['values.yaml'] ?? '') as Record<string, unknown>,
    packed: Buffer.alloc(0),
    digest: '',
  };
  const requests: RenderRequest[] = [];
  const { lookups = [] } = options;
  const named = ({ name, ...lookup }: Lookup, { releaseName }: RenderRequest): Lookup => ({
    ...lookup,
    name: name.replace('qx7inst', releaseName),
  });
  const renderer: Renderer = {
    render: async (request) => {
      requests.push(request);
      const yaml = render(request);
      return yaml.startsWith('Error:')
        ? { ok: false, error: yaml.slice(7) }
        : { ok: true, yaml, lookups: lookups.map((asked) => named(asked, request)) };
    },
    close: async () => undefined,
  };
  const inspection = await inspectChart(chart, renderer, {
    findings,
    progress: () => undefined,
    ...options,
  });
  return { findings, inspection, requests, codes: findings.items.map(({ code }) => code) };
}

export function document(source: string, body: string): string {
  return `---\n# Source: web/templates/${source}\n${body}\n`;
}

export const map = document('map.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }');
