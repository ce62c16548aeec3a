import { ReleaseDetails, type InEffect, type Installation, type Release } from '@steward/shared';
import { usageError } from '../cli-error.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';
import { parseSetting, valueAt, withValue, type Values } from '../values-path.ts';

type Knob = Release['knobs'][number];

/** What a change of this installation goes on from: what is wanted, or what runs when that came to nothing. */
export function basisOf({ inEffect, version, parameters }: Installation): InEffect {
  return inEffect ?? { version, parameters };
}

/** The release that a change of an installation goes on from. */
export async function loadRelease(hub: HubClient, installation: Installation): Promise<Release> {
  const { version } = basisOf(installation);
  return (await hub.get(ReleaseDetails, apiPath`/services/${installation.service}/releases/${version}`)).release;
}

/** `size = 3 (1 to 5 servers): how many servers` of every knob. */
export function knobLines({ knobs, parameters: schema, onlyAtInstall = [] }: Release, values: Values): string[] {
  return knobs.map((knob) => {
    const value = valueAt(values, knob.path) ?? schemaAt(schema, knob.path)?.['default'];
    const shown = value === undefined ? 'as the chart says' : JSON.stringify(value);
    const when = onlyAtInstall.includes(knob.path) ? ', only at installation' : '';
    return `${knob.name} = ${shown} (${boundsOf(knob)}${when}): ${knob.title}`;
  });
}

/** The parameters after these knobs were turned, `size=5`. @throws CliError that lists the knobs, or a knob's bounds */
export function turnedKnobs(release: Release, values: Values, settings: readonly string[]): Values {
  let turned = values;
  for (const setting of settings) {
    const [name = ''] = setting.split('=', 1);
    const knob = release.knobs.find((one) => one.name === name);
    if (!knob || !setting.includes('=')) throw usageError(noKnob(setting, release), listOf(release, values));
    const text = setting.slice(name.length + 1);
    const value = valueOf(knob, text, schemaAt(release.parameters, knob.path)?.['type']);
    if (!isWithin(knob, value)) throw usageError(`${knob.name} takes ${boundsOf(knob)}, not ${JSON.stringify(value)}`);
    turned = withValue(turned, knob.path, value);
  }
  return turned;
}

/** As the schema wants it: options are texts in the release, whatever the chart takes. */
function valueOf({ path }: Knob, text: string, type: unknown): unknown {
  if (type === 'string') return text;
  const isNumber = type === 'number' || type === 'integer';
  return isNumber && text !== '' && Number.isFinite(Number(text))
    ? Number(text)
    : parseSetting(`${path}=${text}`).value;
}

function noKnob(setting: string, { service, version, knobs }: Release): string {
  if (!setting.includes('=')) return `"${setting}" does not say to what: KNOB=VALUE`;
  const which = knobs.length === 0 ? 'has no knobs' : `has no knob "${setting.split('=', 1)[0]}"`;
  return `${service} ${version} ${which}`;
}

function listOf(release: Release, values: Values): string {
  const lines = knobLines(release, values);
  return lines.length === 0
    ? 'Parameters are set with `steward upgrade NAME --set PATH=VALUE`.'
    : `Its knobs: ${lines.join('; ')}`;
}

function boundsOf({ options, minimum, maximum, unit }: Knob): string {
  const range =
    minimum === undefined
      ? `up to ${maximum ?? 'any'}`
      : maximum === undefined
        ? `${minimum} or more`
        : `${minimum} to ${maximum}`;
  const bounds = options ? options.join(', ') : minimum === undefined && maximum === undefined ? 'any' : range;
  return unit === undefined ? bounds : `${bounds} ${unit}`;
}

function isWithin({ options, minimum, maximum }: Knob, value: unknown): boolean {
  if (options) return options.includes(String(value));
  if (minimum === undefined && maximum === undefined) return true;
  return typeof value === 'number' && value >= (minimum ?? value) && value <= (maximum ?? value);
}

function schemaAt(schema: Values, path: string): Values | undefined {
  const found = valueAt(schema, `properties.${path.replaceAll('.', '.properties.')}`);
  return typeof found === 'object' && found !== null ? { ...found } : undefined;
}
