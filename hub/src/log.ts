import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import type { Config } from './config.ts';

/** Injection token of the hub's pino logger. */
export const LOGGER = Symbol('logger');

/** JSON lines on stdout. Errors lose the parameters of their SQL, which may be secrets. */
export function createLogger(level: Config['logLevel']): Logger {
  return pino({
    level,
    base: { program: 'hub' },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: serializeError },
  });
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const code = 'code' in error ? error.code : undefined;
  return { name, message, code, stack, ...(cause instanceof Error ? { cause: serializeError(cause) } : {}) };
}

/** Lets Nest log its warnings and errors through pino; its chatter about modules and routes is debug. */
export function nestLogger(log: Logger): LoggerService {
  const write =
    (level: 'debug' | 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...rest: unknown[]) => {
      const context = rest.at(-1);
      log[level]({ context: typeof context === 'string' ? context : undefined }, String(message));
    };
  return {
    log: write('debug'),
    debug: write('debug'),
    verbose: write('debug'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
  };
}
