import * as Type from 'typebox';
import type { Static } from 'typebox';
import type { HealthReason } from '@steward/shared';
import { DRIFT_CODES } from '../../collect/missing-workloads.ts';

/** The worst first. */
export const DRIFT_STATES = ['contested', 'refused', 'paused', 'reported', 'repairing', 'repaired'] as const;
/**
 * `repairing` is written before the first change, so that a repair is told after a kill too. `contested`: somebody changes it
 * again and again, and it is left to them; `refused`: it cannot be put right; `reported`: it must not.
 */
export type DriftState = (typeof DRIFT_STATES)[number];

/** A field that was put right, and when; the empty path is the object itself. */
const Contest = Type.Object({
  path: Type.Array(Type.String()),
  at: Type.Array(Type.String()),
  /** Left to the others until it is again as the stored set has it. */
  isLost: Type.Optional(Type.Boolean()),
});
export type Contest = Static<typeof Contest>;

export const DriftEntry = Type.Object({
  /** Of the inventory. */
  key: Type.String(),
  /** `Deployment/web` */
  object: Type.String(),
  // A word of a newer agent must not make the whole journal unreadable.
  state: Type.Unsafe<DriftState>({ type: 'string' }),
  message: Type.String(),
  /** As shown to people. */
  fields: Type.Array(Type.String()),
  contests: Type.Optional(Type.Array(Contest)),
  at: Type.String(),
});
export type DriftEntry = Static<typeof DriftEntry>;

/** What others changed of an installation: the worst state, one sentence, and object by object. */
export const DriftStatus = Type.Object({
  state: Type.Unsafe<DriftState>({ type: 'string' }),
  message: Type.String(),
  entries: Type.Array(DriftEntry),
});
export type DriftStatus = Static<typeof DriftStatus>;

const CODES: Partial<Record<DriftState, string>> = DRIFT_CODES;

/** What of it a person has to know beside the health: not what was put right. It is no bad health by itself. */
export function driftReasons(drift: DriftStatus | undefined): HealthReason[] {
  return (drift?.entries ?? []).flatMap(({ state, object, message }) => {
    const code = CODES[state];
    return code === undefined ? [] : [{ code, object: object.slice(0, 300), message: message.slice(0, 1_000) }];
  });
}

/** What was left as it is, by key. */
export function openDriftOf(drift: DriftStatus | undefined): string[] {
  return (drift?.entries ?? []).filter(({ state }) => CODES[state] !== undefined).map(({ key }) => key);
}
