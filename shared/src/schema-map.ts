import * as Type from 'typebox';
import type { Static, TSchema } from 'typebox';

export interface MapLimits {
  /** What every key has to be; any text where it is left out. */
  propertyNames?: TSchema;
  maxProperties?: number;
}

/**
 * An object of any keys whose values are all of one shape. `Type.Record` brings the library's engine for computed types with it
 * (92 kB of the agent's code), checks no key by its format, and lets any value pass whose key has a line break.
 */
export function mapOf<T extends TSchema>(values: T, limits: MapLimits = {}): Type.TUnsafe<Record<string, Static<T>>> {
  return Type.Unsafe<Record<string, Static<T>>>({ type: 'object', additionalProperties: values, ...limits });
}
