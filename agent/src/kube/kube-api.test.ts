import { eventually } from '../testing/eventually.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FakeApiServer, status } from '../testing/fake-api-server.ts';
import type { KubeClient, ResourceRef } from './client.ts';
import { KubeError } from './error.ts';

const MAPS: ResourceRef = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const map = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'ns' } });

describe('requests to the API server', () => {
  const server = new FakeApiServer();
  let client: KubeClient;

  beforeAll(async () => {
    await server.start();
    client = server.client();
  });
  afterEach(() => {
    server.intercept = () => undefined;
    server.seen.length = 0;
  });
  afterAll(() => server.stop());

  it('answers undefined for what is not there, and false for deleting it', async () => {
    await expect(client.get(MAPS, 'ns', 'none')).resolves.toBeUndefined();
    await expect(client.remove(MAPS, 'ns', 'none')).resolves.toBe(false);
  });

  it('sends the uid it was given as the precondition of a delete', async () => {
    await client.create(map('gone'));
    await client.remove(MAPS, 'ns', 'gone', { uid: 'u1', propagation: 'Foreground' });
    expect(server.seen.at(-1)?.body).toMatchObject({ preconditions: { uid: 'u1' }, propagationPolicy: 'Foreground' });
  });

  it('escapes what stands in a path', async () => {
    await client.get(MAPS, 'ns', 'a/../b?x');
    expect(server.seen.at(-1)?.path).toBe('/api/v1/namespaces/ns/configmaps/a%2F..%2Fb%3Fx');
  });

  it('applies with manager, force and dry run as asked', async () => {
    server.intercept = ({ body }) => ({ status: 200, body });
    await client.apply(map('a'), { fieldManager: 'steward-acme', force: true, dryRun: true });
    const { method, query } = server.seen[0]!;
    expect([method, query.toString()]).toEqual(['PATCH', 'fieldManager=steward-acme&force=true&dryRun=All']);
  });

  it('sets fields of a status whole, also where there is no status yet', async () => {
    const path = '/api/v1/namespaces/ns/configmaps/stated';
    server.put(path, map('stated'));
    await client.setStatusFields(MAPS, 'ns', 'stated', { kept: 1, deep: { a: 1, b: 2 }, gone: { c: 3 } });
    await client.setStatusFields(MAPS, 'ns', 'stated', { deep: { b: 3 }, gone: null, never: null });
    expect(server.object(path)?.['status']).toEqual({ kept: 1, deep: { b: 3 } });
    expect(server.seen.filter(({ method }) => method === 'GET')).toEqual([]);
  });

  it('gives status, reason, message and causes of a refusal', async () => {
    server.intercept = () => ({
      status: 409,
      body: {
        kind: 'Status',
        reason: 'Conflict',
        message: 'conflict with "helm"',
        details: { causes: [{ field: '.spec.replicas', reason: 'FieldManagerConflict' }], retryAfterSeconds: 2 },
      },
    });
    await expect(client.apply(map('a'), { fieldManager: 'x' })).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
      message: 'PATCH /api/v1/namespaces/ns/configmaps/a: conflict with "helm"',
      causes: [{ field: '.spec.replicas', reason: 'FieldManagerConflict' }],
      retryAfterMs: 2_000,
      isTransient: false,
    });
  });

  it.each([
    ['a page of a proxy', { status: 502, body: '<html>bad gateway</html>' }, { status: 502, isTransient: true }],
    ['an answer that is no JSON', { status: 200, body: 'hello' }, { reason: 'Malformed' }],
    ['an object without metadata', { status: 200, body: { kind: 'ConfigMap' } }, { reason: 'Malformed' }],
    ['a body above the limit', { status: 200, body: `"${'x'.repeat(33 * 1024 * 1024)}"` }, { reason: 'TooLarge' }],
  ])('refuses %s', async (_name, answer, error) => {
    server.intercept = () => answer;
    await expect(client.get(MAPS, 'ns', 'a')).rejects.toMatchObject(error);
  });

  it('ends a request at its signal', async () => {
    server.intercept = () => 'hang';
    const stop = new AbortController();
    const pending = client.get(MAPS, 'ns', 'a', { signal: stop.signal });
    await eventually(() => expect(server.seen).toHaveLength(1));
    stop.abort();
    await expect(pending).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('tells a cut connection as unreachable, and works on the next request', async () => {
    server.intercept = () => 'cut';
    await expect(client.get(MAPS, 'ns', 'a')).rejects.toMatchObject({ reason: 'Unreachable', isTransient: true });
    server.intercept = () => undefined;
    await expect(client.version()).resolves.toBe('v1.36.3');
  });

  it('says which address cannot be reached', async () => {
    const other = new FakeApiServer();
    await other.start();
    const lonely = other.client();
    const { port } = other;
    await other.crash();
    await expect(lonely.version()).rejects.toThrow(`the API server at 127.0.0.1:${port} cannot be reached`);
    lonely.close();
  });

  it('knows the time of the server, and moves it on by the monotonic clock', async () => {
    await client.version();
    const time = client.serverTime();
    expect(Math.abs((time?.getTime() ?? 0) - Date.now())).toBeLessThan(1_500);
  });

  it('asks discovery for a kind it does not know, and again when it was missing', async () => {
    const widget = { name: 'widgets', kind: 'Widget', namespaced: true };
    server.intercept = () => ({ status: 200, body: { resources: [{ ...widget, name: 'widgets/status' }, widget] } });
    await expect(client.resourceOf('example.com/v1', 'Widget')).resolves.toEqual({
      group: 'example.com',
      version: 'v1',
      kind: 'Widget',
      plural: 'widgets',
      namespaced: true,
    });
    await client.resourceOf('example.com/v1', 'Widget');
    expect(server.seen).toHaveLength(1);
    server.intercept = () => status(404, 'NotFound');
    await expect(client.resourceOf('other.com/v1', 'Gadget')).resolves.toBeUndefined();
    await expect(
      client.create({ apiVersion: 'other.com/v1', kind: 'Gadget', metadata: { name: 'x' } }),
    ).rejects.toThrow('this cluster has no kind Gadget in other.com/v1');
  });

  it('lists kinds with their versions for charts that ask for them', async () => {
    server.intercept = ({ path }) => ({
      status: 200,
      body: {
        items:
          path === '/api'
            ? [{ versions: [{ version: 'v1', resources: [{ responseKind: { kind: 'Pod' } }] }] }]
            : [
                {
                  metadata: { name: 'apps' },
                  versions: [{ version: 'v1', resources: [{ responseKind: { kind: 'Deployment' } }] }],
                },
              ],
      },
    });
    await expect(client.apiVersions()).resolves.toEqual(['v1', 'v1/Pod', 'apps/v1', 'apps/v1/Deployment']);
  });

  it('asks one by one only what the rules of a namespace leave open', async () => {
    const rules = [
      { verbs: ['get', 'patch'], apiGroups: ['apps'], resources: ['deployments'] },
      { verbs: ['get'], apiGroups: [''], resources: ['secrets'], resourceNames: ['mine'] },
    ];
    server.intercept = ({ path, body }) => ({
      status: 201,
      body: path.endsWith('selfsubjectrulesreviews')
        ? { status: { resourceRules: rules, incomplete: true } }
        : { status: { allowed: JSON.stringify(body).includes('"webhook"') } },
    });
    const check = (group: string, resource: string, verb: string, name?: string) => ({
      namespace: 'ns',
      group,
      resource,
      verb,
      ...(name !== undefined && { name }),
    });
    const missing = await client.missingAccess([
      check('apps', 'deployments', 'patch'),
      check('', 'secrets', 'get', 'mine'),
      check('', 'secrets', 'get', 'other'),
      check('', 'secrets', 'get'),
      check('', 'webhook', 'get'),
    ]);
    expect(missing).toEqual([check('', 'secrets', 'get', 'other'), check('', 'secrets', 'get')]);
    expect(server.seen).toHaveLength(4);
  });
});

it('is an error that says whether to try again', () => {
  expect(new KubeError('x', { status: 0, reason: 'Timeout' }).isTransient).toBe(true);
  expect(new KubeError('x', { status: 0, reason: 'TooLarge' }).isTransient).toBe(false);
  expect(new KubeError('x', { status: 503, reason: 'y' }).isTransient).toBe(true);
  expect(new KubeError('x', { status: 422, reason: 'Invalid' }).isTransient).toBe(false);
});
