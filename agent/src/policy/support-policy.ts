import * as Type from 'typebox';
import { compile, POLICY_CLASSES, Slug, type PolicyClass } from '@steward/shared';
import type { KubeObject } from '../kube/client.ts';

export const EFFECTS = ['allow', 'ask', 'deny'] as const;
export type Effect = (typeof EFFECTS)[number];

/** One of the customer's policies as it counts; `invalid` says why it cannot be read. */
export type SupportPolicy =
  | {
      name: string;
      rules: Partial<Record<PolicyClass, Effect>>;
      /** Names of installations it is for; undefined: all. */
      installations: readonly string[] | undefined;
      isFrozen: boolean;
    }
  | { name: string; invalid: string };

const EffectSchema = Type.Unsafe<Effect>({ type: 'string', enum: [...EFFECTS] });
const decode = compile(
  Type.Object({
    spec: Type.Object(
      {
        rules: Type.Object(Object.fromEntries(POLICY_CLASSES.map((name) => [name, Type.Optional(EffectSchema)])), {
          additionalProperties: false,
        }),
        // An empty list, or a name that no installation can have, would be a limit on nothing.
        installations: Type.Optional(Type.Array(Slug, { minItems: 1 })),
        freeze: Type.Optional(Type.Boolean()),
      },
      // A word that this agent does not know may be a limit that it would not keep.
      { additionalProperties: false },
    ),
  }),
);

/** Reads a SupportPolicy; one with anything unknown in it is invalid. */
export function readSupportPolicy(object: KubeObject): SupportPolicy {
  const { name } = object.metadata;
  const decoded = decode(object);
  if (!decoded.ok) return { name, invalid: decoded.error };
  const { rules, installations, freeze } = decoded.value.spec;
  return { name, rules, installations, isFrozen: freeze === true };
}
