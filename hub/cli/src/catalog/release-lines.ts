import {
  autoscaleOfferText,
  resizeOfferText,
  scaleBoundsText,
  type Release,
  type ReleaseDetails,
  forInstallation,
} from '@steward/shared';
import { detailLines } from '../output/table.ts';
import { localTime } from '../output/time.ts';
import type { Paint } from '../terminal/terminal.ts';

type Permission = Release['permissions'][number];

/** `statefulsets.apps: get, list, … – to install …`, for the person who grants it. */
export function permissionLine(permission: Permission, installation = '${installation}'): string {
  const resource = permission.apiGroup === '' ? permission.resource : `${permission.resource}.${permission.apiGroup}`;
  const names = permission.names?.map((name) => forInstallation(name, installation)).join(', ');
  return `${resource}${names ? ` (only ${names})` : ''}: ${permission.verbs.join(', ')} – ${permission.reason}`;
}

function knobText(knob: Release['knobs'][number]): string {
  const bounds = knob.options ? knob.options.join(', ') : `${knob.minimum ?? ''} to ${knob.maximum ?? ''}`;
  return `${knob.name} (${knob.path}): ${bounds}${knob.unit ? ` ${knob.unit}` : ''}`;
}

function exceptionText(exceptions: Release['exceptions']): string {
  return Object.entries(exceptions)
    .map(([name, value]) => (value === true ? name : `${name} ${String(value)}`))
    .join('; ');
}

/** What leaves the cluster, for the customer to read before. */
export function metricsLines({ metrics }: Pick<Release, 'metrics'>): string[] {
  if (!metrics) return [];
  const endpoints = metrics.endpoints.map(
    ({ service, port, path = '/metrics', collect }) => `${service}:${port}${path}: ${collect.join(', ')}`,
  );
  const resources = metrics.resources === true ? ['CPU and memory of each pod'] : [];
  const lines = [...resources, ...endpoints];
  return lines.length === 0 ? [] : [...lines, `every ${metrics.intervalSeconds} s`];
}

const ROLLBACK_TEXTS = {
  safe: 'a failed upgrade still goes back by itself',
  ask: 'a failed upgrade waits for a decision',
} as const;

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  return lines.length === 0 ? [] : ['', paint(`${title}:`, 'bold'), ...lines.map((line) => `  ${line}`)];
}

/** What support may change of how it runs, and what nobody may change later. */
function changeLines({ onlyAtInstall = [], remedies = {} }: Release, paint: Paint): string[] {
  const { resize = [], autoscale = [], scale = [] } = remedies;
  return [
    ...section('Only set at installation', onlyAtInstall, paint),
    ...section('Counts that may be asked for', scale.map(scaleBoundsText), paint),
    ...section('May be resized', resize.map(resizeOfferText), paint),
    ...section('May be autoscaled', autoscale.map(autoscaleOfferText), paint),
  ];
}

/** A release in words: what runs, what may be set, which rights it needs. */
export function releaseLines(details: ReleaseDetails, paint: Paint): string[] {
  const { release } = details;
  const { upgrade } = release;
  return [
    ...detailLines(
      [
        ['Service', `${release.display.name} (${release.service})`],
        ['Version', release.version],
        ['Summary', release.display.summary],
        ['Release', details.digest],
        ['Signed by', details.signedBy],
        ['Counter', String(release.counter)],
        ['Chart', `${release.chart.name} ${release.chart.version}, ${release.chart.digest}`],
        ['Chart lies in', release.chart.oci && `oci://${release.chart.oci}`],
        ['Published', localTime(details.publishedAt)],
        ['Expires', release.expiresAt && localTime(release.expiresAt)],
        ['Kubernetes', release.kubernetes],
        ['Upgrades from', upgrade.from ?? 'any version'],
        ['Upgrade', `at most ${upgrade.deadlineSeconds} s, then ready for ${upgrade.settleSeconds} s`],
        ['May replace', upgrade.replace?.join(', ')],
        ['After a hook', upgrade.rollback && ROLLBACK_TEXTS[upgrade.rollback]],
        ['Exceptions', exceptionText(release.exceptions)],
        ['Kinds of its own', release.definitions?.map(({ metadata }) => metadata.name).join(', ')],
      ],
      paint,
    ),
    ...section(
      'Images',
      release.images.map(({ reference, digest }) => `${reference}@${digest}`),
      paint,
    ),
    ...section(
      'Knobs',
      release.knobs.map((knob) => knobText(knob)),
      paint,
    ),
    ...changeLines(release, paint),
    ...section(
      'Made once, and kept by upgrades',
      (release.generateOnce ?? []).map(({ kind, name, fields }) => `${kind}/${name}: ${fields?.join(', ') ?? 'all'}`),
      paint,
    ),
    ...section(
      'Hooks',
      (release.hooks ?? []).map(({ object, events }) => `${object}: ${events.join(', ')}`),
      paint,
    ),
    ...section('Measured and sent to the hub', metricsLines(release), paint),
    ...section(
      "Rights in the installation's namespace",
      release.permissions.map((entry) => permissionLine(entry)),
      paint,
    ),
    ...section('Notes', release.display.notes?.trimEnd().split('\n') ?? [], paint),
  ];
}
