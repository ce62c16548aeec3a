import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { FeedTail, type FeedSubscriber } from './feed-tail.ts';
import type { FeedPosition } from './feed-position.ts';
import type { FeedPage } from './feed.repository.ts';

const START: FeedPosition = { xid: 10n, id: 0n };
const log = pino({ level: 'silent' });

function page(events: number[], more: Partial<FeedPage> = {}): FeedPage {
  const rows = events.map((id) => ({ position: { xid: 10n, id: BigInt(id) }, type: 't', data: '{}' }));
  const last = rows.at(-1)?.position ?? START;
  return { events: rows, isFull: false, isWithheld: false, isLost: false, head: last, ...more };
}

/** A tail over pages that are answered one after the other; then empty ones at the same place. */
function tailOver(answers: (FeedPage | Error)[]) {
  const asked: bigint[] = [];
  const seen: (bigint | 'reset')[] = [];
  const tail = new FeedTail(
    START,
    async (after) => {
      asked.push(after.id);
      const answer = answers.shift() ?? page([], { head: after });
      if (answer instanceof Error) throw answer;
      return answer;
    },
    log,
  );
  const subscriber: FeedSubscriber = {
    deliver: ({ position }) => void seen.push(position.id),
    reset: () => void seen.push('reset'),
    skipTo: () => undefined,
  };
  return { tail, subscriber, asked, seen };
}

describe('the tail of the feed', () => {
  it('reads on while pages are full', async () => {
    const { tail, subscriber, seen } = tailOver([page([1, 2], { isFull: true }), page([3])]);
    const leave = tail.subscribe(subscriber);
    await expect.poll(() => seen).toEqual([1n, 2n, 3n]);
    expect(tail.position.id).toBe(3n);
    leave();
  });

  it('looks again by itself while events are withheld', async () => {
    const { tail, subscriber, seen } = tailOver([
      page([], { isWithheld: true }),
      page([], { isWithheld: true }),
      page([1]),
    ]);
    const leave = tail.subscribe(subscriber);
    await expect.poll(() => seen).toEqual([1n]);
    leave();
  });

  it('tries again after a read that failed', async () => {
    const { tail, subscriber, seen } = tailOver([new Error('gone'), page([1])]);
    const leave = tail.subscribe(subscriber);
    await expect.poll(() => seen, { timeout: 3_000 }).toEqual([1n]);
    leave();
  });

  it('tells of a loss and goes on', async () => {
    const { tail, subscriber, seen } = tailOver([page([], { isLost: true, head: { xid: 20n, id: 0n } }), page([])]);
    const leave = tail.subscribe(subscriber);
    await expect.poll(() => seen).toEqual(['reset']);
    await expect.poll(() => tail.position.xid).toBe(20n);
    leave();
  });

  it('makes one more look of any number of wakes, and none without readers', async () => {
    const { tail, subscriber, asked } = tailOver([]);
    tail.wake();
    const leave = tail.subscribe(subscriber);
    for (let i = 0; i < 50; i += 1) tail.wake();
    await expect.poll(() => asked.length).toBe(2);
    leave();
    tail.wake();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked.length).toBe(2);
  });
});
