import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Server } from 'node:http';
import { startHealthServer } from './health-server.ts';

let server: Server;
beforeAll(async () => {
  const readiness = (): { isReady: boolean; message: string } => ({ isReady: false, message: 'not connected' });
  server = await startHealthServer({
    host: '127.0.0.1',
    port: 0,
    readiness,
    metrics: () => 'steward_agent_connected 0\n',
  });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function ask(target: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`GET ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  await once(socket, 'close');
  return answer;
}

it('answers the kubelet, and outlives whatever a stranger sends', async () => {
  for (const target of ['//', '///', 'http://[', '/%', '*', '/readyz/..//'])
    expect(await ask(target)).toContain(' 404 ');
  expect(await ask('/metrics')).toMatch(/ 200 [^]*version=0\.0\.4[^]*steward_agent_connected 0/);
  expect(await ask('/livez')).toContain(' 200 ');
  expect(await ask('/readyz?verbose')).toMatch(/ 503 [^]*not connected/);
});
