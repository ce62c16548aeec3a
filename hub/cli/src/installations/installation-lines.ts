import {
  autoscaleOfferText,
  resizeOfferText,
  scaleBoundsText,
  type Installation,
  type Release,
  type ServiceEndpoint,
  type WorkloadHealth,
} from '@steward/shared';
import { stringify } from 'yaml';
import { oneLine, printable } from '../terminal/terminal.ts';
import { basisOf, knobLines } from './knobs.ts';
import { offersOf } from './resize-request.ts';

interface Section {
  title: string;
  lines: string[];
}

/** What is known of an installation beside its name and state. */
export function stateSections(one: Installation): Section[] {
  const { reasons, workloads, endpoints = [], kept = [] } = one;
  return [
    { title: 'Reasons', lines: reasons.map(({ object, code, message }) => `${object}: ${code}: ${message}`) },
    { title: 'Workloads', lines: workloads.map(workloadText) },
    { title: 'Reached in its cluster at', lines: endpoints.map((endpoint) => endpointText(endpoint, one.namespace)) },
    {
      title: 'Can go back to (steward rollback --to-generation)',
      lines: kept.map(({ generation, version }) => `${generation}: ${version}`),
    },
  ].map(({ title, lines }) => ({ title, lines: lines.map(oneLine) }));
}

/** What may be changed of it, by the release that a change goes on from; without one, only what it was set to. */
export function changeSections(one: Installation, release: Release | undefined): Section[] {
  const { parameters } = basisOf(one);
  const { resize = [], autoscale = [], scale = [] } = release ? offersOf(release, one) : {};
  const text = Object.keys(parameters).length > 0 ? stringify(parameters).trimEnd() : '';
  return [
    { title: 'Knobs (steward set)', lines: release ? knobLines(release, parameters).map(oneLine) : [] },
    { title: 'Counts that may be asked for (steward scale)', lines: scale.map(scaleBoundsText) },
    { title: 'May be resized (steward resize)', lines: resize.map(resizeOfferText) },
    { title: 'May be autoscaled (steward autoscale)', lines: autoscale.map(autoscaleOfferText) },
    { title: 'Parameters', lines: text === '' ? [] : text.split('\n').map((line) => printable(line)) },
  ];
}

function workloadText({ kind, name, health, ready = 0, wanted, restarts = 0 }: WorkloadHealth): string {
  const counts = wanted === undefined ? '' : `, ${ready} of ${wanted} ready`;
  return `${kind}/${name}: ${health}${counts}${restarts > 0 ? `, ${restarts} restarts` : ''}`;
}

/** `nats.nats.svc:4222 (nats)` */
function endpointText({ service, port, name, protocol, type }: ServiceEndpoint, namespace: string): string {
  const words = [name, protocol, type].filter((word) => word !== undefined).join(', ');
  return `${service}.${namespace}.svc:${port}${words === '' ? '' : ` (${words})`}`;
}
