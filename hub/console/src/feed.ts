import type { FeedEvent } from '@steward/shared';
import { ApiError, request } from './api.ts';

interface SentEvent {
  id: string;
  type: string;
  /** Empty in a sign of life, which only moves the place to resume from. */
  data: string;
}

/** Splits a stream of server-sent events; comments and fields that the feed does not use are passed over. */
export function createEventParser(onEvent: (event: SentEvent) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    const blocks = (rest + chunk).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = { id: '', type: 'message', data: '' };
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        const value = line.slice(colon + 1).replace(/^ /, '');
        const name = line.slice(0, colon);
        if (name === 'id') fields.id = value;
        else if (name === 'event') fields.type = value;
        else if (name === 'data') fields.data += value;
      }
      if (fields.id || fields.data) onEvent(fields);
    }
  };
}

/** The hub gives a sign of life every 15 s; a connection that is silent for longer than this is dead, whatever the browser believes. */
const SILENCE_MS = 40_000;

/** Aborts its signal when nothing came for a while. */
function createWatchdog(): { signal: AbortSignal; feed: () => void; stop: () => void } {
  const dead = new AbortController();
  let timer = 0;
  const stop = (): void => window.clearTimeout(timer);
  const feed = (): void => {
    stop();
    timer = window.setTimeout(() => dead.abort(new Error('the feed is silent')), SILENCE_MS);
  };
  return { signal: dead.signal, feed, stop };
}

interface FeedOptions {
  onEvent: (event: FeedEvent) => void;
  /** @param refusal why the hub does not give the feed, in its own words */
  onState: (state: 'live' | 'reconnecting', refusal?: string) => void;
  signal: AbortSignal;
}

/** Reads one connection to its end. @param lastId undefined begins now @param onId told of each place to resume from */
async function readOnce(options: FeedOptions, lastId: string | undefined, onId: (id: string) => void): Promise<void> {
  const watchdog = createWatchdog();
  try {
    watchdog.feed();
    const response = await request('/feed', {
      signal: AbortSignal.any([options.signal, watchdog.signal]),
      headers: { accept: 'text/event-stream', ...(lastId && { 'last-event-id': lastId }) },
    });
    options.onState('live');
    const parse = createEventParser(({ id, type, data }) => {
      if (id) onId(id);
      if (data) options.onEvent({ id, type, data: JSON.parse(data) } as FeedEvent);
    });
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      watchdog.feed();
      parse(decoder.decode(chunk as Uint8Array, { stream: true }));
    }
  } finally {
    watchdog.stop();
  }
}

/**
 * Follows the live feed until the signal ends it: resumes after the last event seen, waits 0.5 to 3 s between tries, so that a hub that
 * comes back is not met by all its readers at once.
 * @throws ApiError when the session is no longer valid
 */
export async function followFeed(options: FeedOptions): Promise<void> {
  let lastId: string | undefined;
  while (!options.signal.aborted) {
    let refusal: string | undefined;
    try {
      await readOnce(options, lastId, (id) => (lastId = id));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) throw error;
      if (error instanceof ApiError && error.status > 0) refusal = error.message;
    }
    if (options.signal.aborted) return;
    options.onState('reconnecting', refusal);
    await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 2500));
  }
}
