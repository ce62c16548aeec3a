import { expect, it } from 'vitest';
import { createEventParser } from './feed.ts';

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
