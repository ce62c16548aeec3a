import type { ServerResponse } from 'node:http';
import type { TestRoute } from './test-hub.ts';

/** A feed that a test writes to. `connections` are the `last-event-id` headers, in order. */
export interface FeedRoute {
  route: TestRoute;
  connections: (string | undefined)[];
  send(id: string, type: string, data: unknown): void;
  keepAlive(id: string): void;
  cut(): void;
}

export function feedRoute(): FeedRoute {
  const open = new Set<ServerResponse>();
  const connections: (string | undefined)[] = [];
  const write = (text: string): void => {
    for (const response of open) response.write(text);
  };
  return {
    connections,
    route: ({ headers }, response) => {
      const last = headers['last-event-id'];
      connections.push(typeof last === 'string' ? last : undefined);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': alive\n\n');
      open.add(response);
      response.on('close', () => open.delete(response));
    },
    send: (id, type, data) => write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`),
    keepAlive: (id) => write(`: alive\nid: ${id}\n\n`),
    cut: () => {
      for (const response of open) response.destroy();
    },
  };
}
