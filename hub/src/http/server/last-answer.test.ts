import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { answerAndEnd } from './last-answer.ts';

const undo: (() => void)[] = [];
afterEach(() => undo.splice(0).forEach((step) => step()));

/** Both ends of a connection that may be half open, as those of an HTTP server. */
async function connection(): Promise<{ server: Socket; client: Socket }> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  undo.push(
    () => client.destroy(),
    () => listener.close(),
  );
  const [server] = await accepted;
  return { server, client };
}

it('ends the connection of a peer that reads the answer and never ends its own', async () => {
  const { server, client } = await connection();
  let read = '';
  client.setEncoding('utf8').on('data', (text: string) => (read += text));
  const closed = once(server, 'close');
  answerAndEnd(server, 'no\r\n', 50);
  await closed;
  expect(server.destroyed).toBe(true);
  expect(read).toBe('no\r\n');
});

it('ends the connection of a peer that reads nothing at all', async () => {
  const { server } = await connection();
  const closed = once(server, 'close');
  answerAndEnd(server, 'no'.repeat(10_000_000), 50);
  await closed;
  expect(server.destroyed).toBe(true);
});

it('does not wait for more when the peer ends as well', async () => {
  const { server, client } = await connection();
  client.on('end', () => client.end()).resume();
  client.write('something that nobody reads');
  const closed = once(server, 'close');
  answerAndEnd(server, 'no\r\n', 1_000_000);
  await closed;
  expect(server.destroyed).toBe(true);
});
