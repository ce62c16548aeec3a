/**
 * WebSocket close codes of the agent channel (4400–4499 are Steward's own).
 * `retry` tells the agent whether dialling again can help by itself.
 */
export const CLOSE_CODES = {
  normal: { code: 1000, retry: true, meaning: 'closed on purpose' },
  goingAway: { code: 1001, retry: true, meaning: 'the other side is shutting down' },
  badFrame: { code: 4400, retry: true, meaning: 'a frame could not be read: not JSON, too deep, or not of its schema' },
  unauthorized: { code: 4401, retry: false, meaning: 'the identity is no longer valid' },
  revoked: { code: 4403, retry: false, meaning: 'the cluster was revoked on the hub' },
  silence: { code: 4408, retry: true, meaning: 'nothing was heard, or the reader was too slow' },
  replaced: { code: 4409, retry: true, meaning: 'a newer session of the same agent took over' },
  tooBig: { code: 1009, retry: true, meaning: 'a frame was larger than allowed' },
  protocol: { code: 4426, retry: false, meaning: 'hello was missing or named a protocol this side does not speak' },
  tryLater: { code: 4429, retry: true, meaning: 'too busy; come back later' },
  internal: { code: 4500, retry: true, meaning: 'an error inside the hub' },
} as const;

export type CloseReason = keyof typeof CLOSE_CODES;

/** Looks a received close code up; undefined for codes that are not in the table. */
export function closeReasonOf(code: number): CloseReason | undefined {
  for (const [reason, entry] of Object.entries(CLOSE_CODES)) {
    if (entry.code === code) return reason as CloseReason;
  }
  return undefined;
}
