export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Record<string, unknown>;

/**
 * JSON lines, one wide event per unit of work. `message` is a sentence or an event's name; ids, durations and outcomes
 * go into fields. Never hand it a token, a key or the content of a Secret.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  child(fields: LogFields): Log;
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LogOptions {
  level?: LogLevel;
  fields?: LogFields;
  /** Standard output unless told. */
  write?: (line: string) => void;
  now?: () => Date;
}

export function createLog(options: LogOptions = {}): Log {
  const {
    level: threshold = 'info',
    fields: base = {},
    write = (line) => void process.stdout.write(line),
    now = () => new Date(),
  } = options;
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (ORDER[level] < ORDER[threshold]) return;
      write(`${JSON.stringify({ time: now().toISOString(), level, message, ...base, ...fields }, plainError)}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => createLog({ ...options, fields: { ...base, ...fields } }),
  };
}

/** An error as its message and those of its causes; a stack only where it says more than the message. */
function plainError(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return value.cause instanceof Error
    ? { error: value.message, cause: value.cause.message }
    : { error: value.message, ...(value.name === 'TypeError' ? { stack: value.stack } : {}) };
}
