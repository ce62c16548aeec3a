import { afterEach, expect, it } from 'vitest';
import { httpClient, type HttpClient } from '../hub-api/http.ts';
import { startTestHub, type TestHub } from '../testing/test-hub.ts';
import { registryLookup } from './registry.ts';

const digest = `sha256:${'a'.repeat(64)}`;
let registry: TestHub;
const http = httpClient(undefined, {});
afterEach(() => registry.stop());

/** Everything that goes to a registry by https arrives at the test's server. */
function rerouted(): HttpClient {
  return {
    send: (request) => http.send({ ...request, url: request.url.replace(/^https:\/\/[^/]+/, registry.url) }),
    close: () => http.close(),
  };
}

function lookup(told: string[]): (reference: string) => Promise<string | undefined> {
  return registryLookup(rerouted(), new AbortController().signal, (line) => void told.push(line));
}

it('fetches an anonymous token where one is asked for, and reads the digest', async () => {
  registry = await startTestHub({
    'HEAD /v2/library/nats/manifests/2.15.2': ({ headers }, response) => {
      if (headers.authorization === 'Bearer guest') response.writeHead(200, { 'docker-content-digest': digest }).end();
      else {
        const challenge = 'Bearer realm="https://auth.example/token",service="r",scope="repository:library/nats:pull"';
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
    },
    'GET /token': ({ query }) => ({
      token: query.get('scope') === 'repository:library/nats:pull' ? 'guest' : 'nobody',
    }),
  });
  const told: string[] = [];
  expect(await lookup(told)('docker.io/library/nats:2.15.2')).toBe(digest);
  expect(told).toEqual([]);
  expect(registry.requests[0]?.headers.accept).toContain('image.index');
});

it('tells what a registry answers that does not know the image', async () => {
  registry = await startTestHub({});
  const told: string[] = [];
  expect(await lookup(told)('ghcr.io/acme/web:9')).toBeUndefined();
  expect(told).toEqual(['ghcr.io answered 404 for ghcr.io/acme/web:9']);
});
