import type { InstallationHealth } from '@steward/shared';

const MAX_REASONS = 20;

/** A health within what a report may hold: much of it is what others wrote into the status of their objects, however long that is. */
export function boundedHealth<T extends Pick<InstallationHealth, 'reasons' | 'workloads'>>(health: T): T {
  const reasons = health.reasons.slice(0, MAX_REASONS).map(({ code, object, message }) => ({
    code: code.slice(0, 64),
    object: object.slice(0, 300),
    message: message.slice(0, 1_000),
  }));
  return { ...health, reasons, workloads: health.workloads.map((one) => ({ ...one, kind: one.kind.slice(0, 64) })) };
}
