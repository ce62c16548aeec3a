import { isRecord } from '@steward/shared';
import { valueAt, withValue, type Values } from '../values-path.ts';

/** One way a customer may set the chart: what differs from its defaults. */
export interface Variant {
  /** `replicas=1`; `defaults` for none. */
  title: string;
  values: Values;
  /** The one value that is set, as `storage.size`. */
  path?: string;
}

export const DEFAULTS: Variant = { title: 'defaults', values: {} };

function leavesOf(schema: Values, path: string[]): { path: string; schema: Values }[] {
  const properties = schema['properties'];
  if (!isRecord(properties)) return path.length === 0 ? [] : [{ path: path.join('.'), schema }];
  return Object.entries(properties).flatMap(([key, inner]) => (isRecord(inner) ? leavesOf(inner, [...path, key]) : []));
}

function settingsOf(schema: Values, own: unknown): unknown[] {
  if (Array.isArray(schema['enum'])) return schema['enum'];
  if (schema['type'] === 'boolean') return [own !== true];
  return [schema['minimum'], schema['maximum']].filter((bound) => typeof bound === 'number');
}

/**
 * The defaults, and one variant for each bound, option and flipped switch of what may be set: kinds, images and names
 * that show only with some setting must be in the signed lists too. At most `limit`, the first ones of the schema.
 */
export function variantsOf(schema: Values, defaults: Values, limit: number): { variants: Variant[]; leftOut: number } {
  const variants = leavesOf(schema, []).flatMap(({ path, schema: leaf }) => {
    const own = valueAt(defaults, path);
    return settingsOf(leaf, own)
      .filter((setting) => setting !== own)
      .map((setting) => ({ title: `${path}=${String(setting)}`, values: withValue({}, path, setting), path }));
  });
  const kept = variants.slice(0, limit - 1);
  return { variants: [DEFAULTS, ...kept], leftOut: variants.length - kept.length };
}
