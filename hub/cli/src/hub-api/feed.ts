import { compile, FEED_EVENTS, type FeedEvent, type FeedEventType, type Decoder } from '@steward/shared';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, messageOf } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { HubClient, Query } from './hub-client.ts';
import { serverEvents } from './server-events.ts';

/** What a watcher gets: events, and whether they flow. `open` comes once per connection, before its events. */
export type FeedItem =
  | FeedEvent
  | { type: 'open'; isResumed: boolean }
  | { type: 'lost'; why: string; retryMs: number };

export interface FeedOptions {
  signal: AbortSignal;
  query?: Query;
  /** For tests; a number from 0 up to 1. */
  random?: () => number;
}

const firstRetryMs = 500;
const maxRetryMs = 10_000;
/** The hub sends a comment more often than this, so silence means a dead connection. */
const silenceMs = 60_000;
const maxEventBytes = 4 * 1024 * 1024;

const decoders = new Map<string, Decoder<unknown>>(
  Object.entries(FEED_EVENTS).map(([type, schema]) => [type, compile(schema)]),
);

/** Unknown types are left out: a newer hub may send more. */
function asFeedEvent(id: string, type: string, data: string): FeedEvent | undefined {
  const decode = decoders.get(type);
  if (!decode) return undefined;
  const decoded = decode(JSON.parse(data));
  if (!decoded.ok) throw new Error(`a ${type} event was not understood: ${decoded.error}`);
  return { id, type: type as FeedEventType, data: decoded.value } as FeedEvent;
}

function canRetry(error: unknown): boolean {
  if (!(error instanceof CliError)) return true;
  return error.exitCode === EXIT.unreachable || error.exitCode === EXIT.internal;
}

/**
 * The hub's live feed, for as long as the signal allows. A lost connection is told (`lost`), dialled again with growing,
 * jittered delays, and resumed after the last event seen. Ends with an error only when the hub refuses the caller.
 */
export async function* feedItems(hub: HubClient, options: FeedOptions): AsyncGenerator<FeedItem> {
  const random = options.random ?? Math.random;
  let lastId: string | undefined;
  let failures = 0;
  while (!options.signal.aborted) {
    try {
      const answer = await hub.open({
        method: 'GET',
        path: '/feed',
        query: options.query,
        silenceMs,
        headers: { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
        signal: options.signal,
      });
      yield { type: 'open', isResumed: lastId !== undefined };
      failures = 0;
      for await (const event of serverEvents(answer.body, maxEventBytes)) {
        if (event.id) lastId = event.id;
        const known = asFeedEvent(lastId ?? '', event.type, event.data);
        if (known) yield known;
      }
      throw new Error('the hub closed the feed');
    } catch (error) {
      if (options.signal.aborted) return;
      if (!canRetry(error)) throw error;
      const retryMs = Math.round(Math.min(maxRetryMs, firstRetryMs * 2 ** failures) * (0.5 + random() / 2));
      failures += 1;
      yield { type: 'lost', why: messageOf(error), retryMs };
      await sleep(retryMs, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
}
