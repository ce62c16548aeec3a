import { expect, it, vi } from 'vitest';
import { createEventParser, followFeed } from './feed.ts';

it('puts events together that arrive in pieces, passes comments over, and takes the place from signs of life', () => {
  const events: unknown[] = [];
  const parse = createEventParser((event) => events.push(event));
  parse(': keep-alive\n\nid: 7-1\nevent: cluster.ch');
  parse('anged\ndata: {"a"');
  parse(':1}\n\nid: 8-1\nevent: reset\ndata: {}\n\n: alive\nid: 9-1\n\nid: 10');
  expect(events).toEqual([
    { id: '7-1', type: 'cluster.changed', data: '{"a":1}' },
    { id: '8-1', type: 'reset', data: '{}' },
    { id: '9-1', type: 'message', data: '' },
  ]);
});

it.each<[string, () => Promise<Response>, string | undefined]>([
  [
    'is refused',
    () => Promise.resolve(Response.json({ detail: 'too many feeds are open', action: 'close some' }, { status: 429 })),
    'Too many feeds are open. Close some.',
  ],
  ['gets no answer', () => Promise.reject(new TypeError('Failed to fetch')), undefined],
])('a feed that %s says so, with the words of the hub where there are any', async (_name, answer, refusal) => {
  vi.stubGlobal('window', globalThis);
  vi.stubGlobal('sessionStorage', { getItem: () => null });
  vi.stubGlobal('fetch', answer);
  try {
    const over = new AbortController();
    const told: unknown[] = [];
    const onState = (state: string, why?: string): void => {
      told.push([state, why]);
      over.abort();
    };
    await followFeed({ signal: over.signal, onEvent: () => undefined, onState });
    expect(told).toEqual([['reconnecting', refusal]]);
  } finally {
    vi.unstubAllGlobals();
  }
});
