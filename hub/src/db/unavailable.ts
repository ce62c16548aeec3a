/** The database could not be reached, or gave the connection up. Becomes 503 with Retry-After; trying again later is right. */
export class DatabaseUnavailable extends Error {
  constructor(cause: unknown) {
    super(`the database does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

const CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57014', // query_canceled: the statement timeout
  '40001', // serialization_failure
  '40P01', // deadlock_detected: the other one goes on
  '58030', // io_error
  '25P03', // idle_in_transaction_session_timeout
  '55P03', // lock_not_available
]);

/** Messages by which pg and pg-pool tell a lost connection without a code. */
const MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|connection timeout|client has encountered a connection error|not queryable|server closed the connection/i;

/** Whether this error means "not now" rather than "wrong". Looks into causes. */
export function isUnavailable(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 4) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // Class 08: the connection; class 53: out of disk, memory or connections.
  if (CODES.has(code) || /^(08|53)/.test(code) || MESSAGES.test(error.message)) return true;
  if (error instanceof AggregateError && error.errors.some((inner) => isUnavailable(inner, depth + 1))) return true;
  return isUnavailable(error.cause, depth + 1);
}
