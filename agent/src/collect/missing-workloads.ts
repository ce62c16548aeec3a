import type { HealthReason } from '@steward/shared';
import { MAX_WORKLOADS, type NamespaceHealth } from './health.ts';

/** A workload that is not there may have been made this moment, or be about to be left out. */
export const MISSING_PATIENCE_MS = 10_000;

/** Health only knows what is there. This adds what the installation has applied and somebody has deleted. */
export class MissingWorkloads {
  readonly #sinceMs = new Map<string, number>();

  /**
   * Looks among all workloads, and cuts their list only after that.
   * @param expected `Deployment/web`, only of kinds that are watched
   */
  add(found: NamespaceHealth, expected: readonly string[], nowMs: number): NamespaceHealth {
    const present = new Set(found.workloads.map(({ kind, name }) => `${kind}/${name}`));
    const absent = expected.filter((name) => !present.has(name));
    for (const name of this.#sinceMs.keys()) if (!absent.includes(name)) this.#sinceMs.delete(name);
    for (const name of absent) if (!this.#sinceMs.has(name)) this.#sinceMs.set(name, nowMs);
    const isSure = (name: string): boolean => this.#patienceEndMs(name, nowMs) <= nowMs;
    const missing = absent.filter(isSure).slice(0, 20);
    const waiting = absent.filter((name) => !isSure(name)).map((name) => this.#patienceEndMs(name, nowMs));
    const rechecks = [...waiting, ...(found.recheckAtMs === undefined ? [] : [found.recheckAtMs])];
    const recheckAtMs = rechecks.length === 0 ? undefined : Math.min(...rechecks);
    if (missing.length === 0) return { ...found, workloads: found.workloads.slice(0, MAX_WORKLOADS), recheckAtMs };
    const message =
      'somebody deleted it, and it was not made again by itself. Push this or another version again: what is missing is made anew';
    return {
      health: 'unhealthy',
      reasons: [...missing.map((object) => ({ code: 'Missing', object, message })), ...found.reasons].slice(0, 20),
      workloads: [...missing.map(missingWorkload), ...found.workloads].slice(0, MAX_WORKLOADS),
      recheckAtMs,
    };
  }

  #patienceEndMs(name: string, nowMs: number): number {
    return (this.#sinceMs.get(name) ?? nowMs) + MISSING_PATIENCE_MS;
  }
}

/** Of what somebody changed and is not put right, by how it stands. */
export const DRIFT_CODES = {
  contested: 'DriftContested',
  refused: 'RepairRefused',
  paused: 'RepairPaused',
  reported: 'Drift',
} as const;
const OF_DRIFT: ReadonlySet<string> = new Set(Object.values(DRIFT_CODES));
const NOT_REPAIRED: ReadonlySet<string> = new Set([DRIFT_CODES.refused, DRIFT_CODES.paused]);
const MAX_OF_DRIFT = 5;

/**
 * With what is to be said beside, of drift a few. Why one is not made again comes first, and, also where there is no room for it,
 * without the advice to push, which may bring it back empty.
 */
export function withRemarks(reasons: readonly HealthReason[], remarks: readonly HealthReason[]): HealthReason[] {
  const missing = new Set(reasons.flatMap(({ code, object }) => (code === 'Missing' ? [object] : [])));
  const isWhy = ({ code, object }: HealthReason): boolean => NOT_REPAIRED.has(code) && missing.has(object);
  const why = remarks.filter(isWhy);
  const explained = new Set(why.map(({ object }) => object));
  const told = reasons.map((reason) =>
    reason.code === 'Missing' && explained.has(reason.object) ? { ...reason, message: 'somebody deleted it' } : reason,
  );
  const others = remarks.filter((remark) => !isWhy(remark));
  const drifts = [...why, ...others].filter(({ code }) => OF_DRIFT.has(code));
  const left = new Set(drifts.slice(MAX_OF_DRIFT));
  return [...why, ...told, ...others].filter((reason) => !left.has(reason));
}

function missingWorkload(object: string): NamespaceHealth['workloads'][number] {
  const [kind = '', name = ''] = object.split('/');
  return { kind, name, health: 'unhealthy' };
}
