import pg from 'pg';
import type { Logger } from 'pino';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '../secret.ts';
import { KEEP_ALIVE } from './silent-connection.ts';

/** How often the database is asked whether it is still there, how long it may take to answer, and to say goodbye. */
const PROBE_MS = 10_000;
const ANSWER_MS = 5_000;
const GOODBYE_MS = 1_000;

type Handler = (payload: string) => void;

/**
 * One connection for all LISTENs of this hub, asked again and again whether it lives: otherwise it only hears. Lost, it comes back by itself; then every handler is called once with an empty payload,
 * which means: something may have been missed, look.
 */
export class Listener {
  readonly #url: Secret;
  readonly #log: Logger;
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #abort = new AbortController();
  #client: pg.Client | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(url: Secret, log: Logger) {
    this.#url = url;
    this.#log = log;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** @returns what ends this subscription; the channel is listened to once this resolves, when the database is there */
  async listen(channel: string, handler: Handler): Promise<() => Promise<void>> {
    let handlers = this.#handlers.get(channel);
    if (!handlers) {
      handlers = new Set();
      this.#handlers.set(channel, handlers);
      await this.#send(`LISTEN ${pg.escapeIdentifier(channel)}`);
    }
    handlers.add(handler);
    return async () => {
      handlers.delete(handler);
      if (handlers.size > 0 || this.#handlers.get(channel) !== handlers) return;
      this.#handlers.delete(channel);
      await this.#send(`UNLISTEN ${pg.escapeIdentifier(channel)}`);
    };
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#wake?.();
    await this.#running;
  }

  /** A statement that fails here is made up for when the connection comes back. */
  async #send(statement: string): Promise<void> {
    await this.#client?.query(statement).catch(() => undefined);
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#abort.signal.aborted) {
      try {
        await this.#session(() => {
          if (failures > 0) this.#log.info('listening to the database again');
          failures = 0;
        });
      } catch (error) {
        failures += 1;
        if (failures === 1)
          this.#log.warn({ err: error }, 'lost the connection that listens to the database; trying again');
      }
      const delayMs = Math.min(5_000, 100 * 2 ** Math.min(failures, 6)) * (0.5 + Math.random() / 2);
      await sleep(delayMs, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }

  /** Resolves or rejects when the connection ends, or no longer answers. */
  async #session(onReady: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url.reveal(),
      connectionTimeoutMillis: 5_000,
      query_timeout: ANSWER_MS,
      application_name: 'steward-listen',
      ...KEEP_ALIVE,
    });
    const over = new AbortController();
    const ended = new Promise<void>((resolve) => {
      this.#wake = resolve;
      client.on('end', resolve);
      client.on('error', () => resolve());
    });
    client.on('notification', ({ channel, payload }) => this.#dispatch(channel, payload ?? ''));
    try {
      await client.connect();
      for (const channel of this.#handlers.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      this.#client = client;
      onReady();
      for (const channel of this.#handlers.keys()) this.#dispatch(channel, '');
      await Promise.race([ended, this.#probe(client, over.signal)]);
      if (!this.#abort.signal.aborted) throw new Error('the connection ended');
    } finally {
      this.#client = undefined;
      over.abort();
      // Whoever has gone silent does not answer a goodbye either.
      await Promise.race([client.end().catch(() => undefined), sleep(GOODBYE_MS, undefined, { ref: false })]);
      client.connection.stream.destroy();
    }
  }

  /** Resolves with the signal. @throws when there is no answer in time */
  async #probe(client: pg.Client, signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(PROBE_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await client.query('SELECT 1');
    }
  }

  #dispatch(channel: string, payload: string): void {
    for (const handler of this.#handlers.get(channel) ?? []) {
      try {
        handler(payload);
      } catch (error) {
        this.#log.error({ err: error, channel }, 'a notification handler failed');
      }
    }
  }
}
