import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '@steward/shared';
import { createTestAuthority, type TestAuthority } from '../../testing/authority.ts';
import { downloadFromRegistry, type RegistryDownload } from './download-from-registry.ts';

const bytes = Buffer.from('a packed chart');
const chart = { digest: sha256(bytes), bytes: bytes.length };
let authority: TestAuthority;
const servers: Server[] = [];

beforeAll(async () => {
  authority = await createTestAuthority();
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

/** @returns the host */
async function serve(answer: RequestListener, { key, cert } = authority): Promise<string> {
  const server = createServer({ key, cert }, answer);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}

function download(host: string, change: Partial<RegistryDownload> = {}): Promise<Uint8Array> {
  return downloadFromRegistry({
    place: `${host}/charts/web`,
    chart,
    keys: { login: undefined, caPem: authority.caPem },
    proxyEnv: {},
    signal: new AbortController().signal,
    ...change,
  });
}

describe('a chart from a registry', () => {
  it('is the blob with the signed digest', async () => {
    const host = await serve(({ url }, response) => {
      if (url === `/v2/charts/web/blobs/${chart.digest}`) response.end(bytes);
      else response.writeHead(404).end();
    });
    expect(await download(host)).toEqual(bytes);
  });

  it.each([
    ['other bytes', 200, Buffer.from('another chart!'), 'digest-mismatch', false, /instead of sha256:/],
    ['more than was signed', 200, Buffer.alloc(99), 'digest-mismatch', false, /more than the 14 bytes/],
    ['nothing', 404, 'a page of many words', 'chart-unavailable', false, /has no charts\/web/],
    ['a refusal', 401, '', 'chart-unavailable', false, /asks for a login/],
    ['that it is busy', 503, '', 'chart-unavailable', true, /HTTP 503/],
  ])('is refused when the registry sends %s', async (_name, status, body, reason, isTransient, message) => {
    const host = await serve((_request, response) => response.writeHead(status).end(body));
    await expect(download(host)).rejects.toMatchObject({
      reason,
      isTransient,
      message: expect.stringMatching(message) as unknown,
    });
  });

  it('is waited for while nothing listens', async () => {
    await expect(download('127.0.0.1:1')).rejects.toMatchObject({
      reason: 'chart-unavailable',
      isTransient: true,
      message: expect.stringContaining('nothing listens there') as unknown,
    });
  });

  it('is not taken from a registry of an authority that the customer did not name', async () => {
    const host = await serve((_request, response) => response.end(bytes));
    const other = await createTestAuthority();
    for (const caPem of [undefined, other.caPem])
      await expect(download(host, { keys: { login: undefined, caPem } })).rejects.toMatchObject({
        message: expect.stringMatching(/authority this agent trusts.*chartPullSecrets \(ca\.crt\)/) as unknown,
      });
  });

  it('is not taken by the registry’s own authority from where it sends on to', async () => {
    const store = await serve((_request, response) => response.end(bytes));
    const host = await serve((_request, response) => {
      response.writeHead(307, { location: `https://${store}/blob` }).end();
    });
    await expect(download(host)).rejects.toThrow(new RegExp(`${store} cannot be reached: its certificate`));
  });
});
