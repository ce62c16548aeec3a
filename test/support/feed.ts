import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { once } from 'node:events';
import type { Api } from './api.ts';
import { waitUntil } from './wait-until.ts';

export interface FeedMessage {
  id: string;
  type: string;
  data: unknown;
}

export interface OpenFeed {
  status: number;
  /** Everything received so far, as text. */
  readonly text: string;
  readonly messages: FeedMessage[];
  /** What a browser would send as Last-Event-ID. */
  readonly lastId: string | undefined;
  readonly isEnded: boolean;
  /** The messages of this type, once there are so many. */
  take(count: number, type?: string): Promise<FeedMessage[]>;
  /** Calls for every message from now on, at once. */
  onMessage(handler: (message: FeedMessage) => void): void;
  close(): Promise<void>;
}

class Feed implements OpenFeed {
  readonly #response: IncomingMessage;
  readonly status: number;
  readonly messages: FeedMessage[] = [];
  text = '';
  lastId: string | undefined;
  isEnded = false;
  #rest = '';
  #handler: (message: FeedMessage) => void = () => undefined;

  constructor(response: IncomingMessage) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    response.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    response.on('error', () => undefined);
    response.once('close', () => {
      this.isEnded = true;
    });
  }

  take(count: number, type?: string): Promise<FeedMessage[]> {
    const wanted = () => this.messages.filter((message) => type === undefined || message.type === type);
    return waitUntil(() => (wanted().length >= count ? wanted() : undefined), {
      what: `${count} ${type ?? 'events'} in the feed`,
    });
  }

  onMessage(handler: (message: FeedMessage) => void): void {
    this.#handler = handler;
  }

  async close(): Promise<void> {
    if (this.isEnded) return;
    const closed = once(this.#response, 'close').catch(() => undefined);
    this.#response.destroy();
    await closed;
  }

  #read(text: string): void {
    this.text += text;
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#take(block);
  }

  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.split(': ')[0] ?? '', line.slice(line.indexOf(': ') + 2)]),
    );
    this.lastId = fields.get('id') ?? this.lastId;
    const data = fields.get('data');
    if (data === undefined) return;
    const message = {
      id: this.lastId ?? '',
      type: fields.get('event') ?? 'message',
      data: JSON.parse(data) as unknown,
    };
    this.messages.push(message);
    this.#handler(message);
  }
}

/** Opens the live feed and waits for the answer's head; with a stream, also for the first bytes. */
export async function openFeed(api: Api, path = '/feed', headers: Record<string, string> = {}): Promise<OpenFeed> {
  const authorization: Record<string, string> = api.token === undefined ? {} : { authorization: `Bearer ${api.token}` };
  const url = new URL(`/api/v1${path}`, api.url);
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const outgoing = request(url, {
    agent: false,
    headers: { ...authorization, ...headers },
    ...(api.caPem !== undefined && { ca: api.caPem }),
  });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  outgoing.on('error', () => undefined);
  const feed = new Feed(response);
  await waitUntil(() => feed.text !== '' || feed.isEnded, { what: 'the first bytes of the feed' });
  return feed;
}
