import { afterEach, expect, it } from 'vitest';
import { feedRoute } from '../testing/feed-route.ts';
import { ids, installation } from '../testing/fleet.ts';
import { startTestHub, TestProblem, type TestHub } from '../testing/test-hub.ts';
import { feedItems, type FeedItem } from './feed.ts';
import { httpClient } from './http.ts';
import { HubClient } from './hub-client.ts';
import { serverEvents } from './server-events.ts';

let hub: TestHub | undefined;
afterEach(() => hub?.stop());

async function collect(parts: string[]): Promise<unknown[]> {
  async function* bytes() {
    for (const part of parts) yield Buffer.from(part);
  }
  const events: unknown[] = [];
  for await (const event of serverEvents(bytes(), 1000)) events.push(event);
  return events;
}

it('reads events however the bytes are cut', async () => {
  const text = 'retry: 5\n: hello\n\nid: 1\nevent: a\ndata: {"x":\ndata: "ü"}\n\r\ndata: second\r\n\r\n';
  const bytes = [...Buffer.from(text)].map((byte) => Buffer.from([byte]));
  async function* single() {
    yield* bytes;
  }
  const events: unknown[] = [];
  for await (const event of serverEvents(single(), 1000)) events.push(event);
  expect(events).toEqual([
    { id: '1', type: 'a', data: '{"x":\n"ü"}' },
    { id: '1', type: 'message', data: 'second' },
  ]);
});

it('moves the place to resume from with a keep-alive that has an id', async () => {
  expect(await collect([': alive\n\n', ': alive\nid: 9\n\n'])).toEqual([{ id: '9', type: 'keep-alive', data: '' }]);
});

it('ends with an error at an event that never ends', async () => {
  await expect(collect([`data: ${'x'.repeat(600)}`, 'x'.repeat(600)])).rejects.toThrow('longer than 1000 bytes');
});

it('dials again after a cut, resumes after the last event, and tells both', async () => {
  const feed = feedRoute();
  hub = await startTestHub({ 'GET /feed': feed.route });
  const stop = new AbortController();
  const client = new HubClient(hub.url, 't', httpClient(undefined, {}), stop.signal);
  const items: FeedItem[] = [];
  for await (const item of feedItems(client, { signal: stop.signal, random: () => 0 })) {
    items.push(item);
    if (item.type === 'open' && !item.isResumed) feed.send('7', 'installation.changed', installation());
    if (item.type === 'installation.changed' && item.id === '7') {
      feed.send('8', 'later.thing', {});
      feed.keepAlive('9');
      feed.cut();
    }
    if (item.type === 'open' && item.isResumed) stop.abort();
  }
  client.close();
  expect(items.map(({ type }) => type)).toEqual(['open', 'installation.changed', 'lost', 'open']);
  expect(items[1]).toMatchObject({ data: { id: ids.installation } });
  expect(feed.connections).toEqual([undefined, expect.stringMatching(/^[79]$/)]);
});

it('ends with the words of a hub that refuses', async () => {
  hub = await startTestHub({
    'GET /feed': () => {
      throw new TestProblem('not-authenticated', 'your session is over');
    },
  });
  const stop = new AbortController();
  const client = new HubClient(hub.url, 't', httpClient(undefined, {}), stop.signal);
  const read = async (): Promise<void> => {
    for await (const item of feedItems(client, { signal: stop.signal })) expect(item).toBeUndefined();
  };
  await expect(read()).rejects.toThrow('your session is over');
  client.close();
});
