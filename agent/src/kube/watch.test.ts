import { eventually } from '../testing/eventually.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer, status } from '../testing/fake-api-server.ts';
import type { KubeObject, ResourceRef, Watch } from './client.ts';

const PODS: ResourceRef = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const path = (name: string): string => `/api/v1/namespaces/ns/pods/${name}`;
const pod = (name: string, phase = 'Running'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'ns' },
  status: { phase },
});

describe('a watch', () => {
  const server = new FakeApiServer();
  let stop = new AbortController();
  let events: string[] = [];
  let problems: (string | undefined)[] = [];

  beforeEach(async () => {
    await server.start();
    server.intercept = () => undefined;
    server.seen.length = 0;
    for (const name of ['a', 'b', 'c', 'new']) server.delete(path(name));
    stop = new AbortController();
    events = [];
    problems = [];
  });
  afterEach(async () => {
    stop.abort();
    await server.stop();
  });

  function start(): Watch<string> {
    const client = server.client({ watches: { firstBackoffMs: 5, serverTimeoutSeconds: 1, graceMs: 100 } });
    return client.watch({
      ref: PODS,
      namespace: 'ns',
      project: (object) => (object['status'] as { phase?: string } | undefined)?.phase,
      onChange: (event) =>
        events.push(`${event.type} ${event.key} ${event.type === 'set' ? event.object : event.previous}`),
      onProblem: (problem) => problems.push(problem?.message),
      signal: stop.signal,
    });
  }
  async function opened(): Promise<Watch<string>> {
    const watch = start();
    await watch.synced;
    await eventually(() => expect(server.watches).toBe(1));
    return watch;
  }

  it('lists first, page by page, then hears every change in order', async () => {
    for (let index = 0; index < 120; index += 1) server.put(path(`p${index}`), pod(`p${index}`));
    const watch = await opened();
    expect(watch.objects.size).toBe(120);
    expect(server.seen.filter(({ query }) => query.get('limit') !== null)).toHaveLength(3);
    events = [];
    server.put(path('new'), pod('new', 'Pending'));
    server.put(path('new'), pod('new', 'Running'));
    server.delete(path('new'));
    await eventually(() => expect(events).toHaveLength(3));
    expect(events).toEqual(['set ns/new Pending', 'set ns/new Running', 'delete ns/new Running']);
    for (let index = 0; index < 120; index += 1) server.delete(path(`p${index}`));
    await eventually(() => expect(watch.objects.size).toBe(0));
  });

  it('leaves out what is not projected, and takes an object that stops being so for deleted', async () => {
    server.put(path('a'), { ...pod('a'), status: {} });
    const watch = await opened();
    expect(watch.objects.size).toBe(0);
    server.put(path('a'), pod('a'));
    server.put(path('a'), { ...pod('a'), status: {} });
    await eventually(() => expect(events).toEqual(['set ns/a Running', 'delete ns/a Running']));
  });

  it('goes on from the last bookmark when the server ends the watch', async () => {
    await opened();
    server.bookmark('777');
    server.endWatches();
    await eventually(() => expect(server.seen.at(-1)?.query.get('resourceVersion')).toBe('777'));
    expect(server.seen.filter(({ query }) => query.get('watch') === null)).toHaveLength(1);
    expect(problems).toEqual([]);
  });

  it('lists again after 410 and tells only the difference, deletions too', async () => {
    server.put(path('a'), pod('a'));
    server.put(path('b'), pod('b'));
    await opened();
    events = [];
    await server.unheard(() => {
      server.delete(path('a'));
      server.put(path('c'), pod('c'));
    });
    const { body } = status(410, 'Expired', 'too old resource version');
    server.sendLine(JSON.stringify({ type: 'ERROR', object: body }));
    await eventually(() => expect(events).toEqual(['set ns/c Running', 'delete ns/a Running']));
    expect(problems).toEqual([]);
  });

  it('tells nothing deleted when the second page of a list fails', async () => {
    for (let index = 0; index < 60; index += 1) server.put(path(`q${index}`), pod(`q${index}`));
    const watch = await opened();
    let failures = 0;
    server.intercept = ({ query }) => {
      if (query.get('continue') === null || failures > 2) return undefined;
      failures += 1;
      return status(500, 'InternalError');
    };
    server.sendLine(JSON.stringify({ type: 'ERROR', object: status(410, 'Expired').body }));
    await eventually(() => expect(failures).toBe(3));
    await eventually(() => expect(watch.isCurrent).toBe(true));
    expect(events.filter((event) => event.startsWith('delete'))).toEqual([]);
    // The server of these tests tells only what happens while somebody watches.
    await eventually(() => expect(server.watches).toBe(1));
    for (let index = 0; index < 60; index += 1) server.delete(path(`q${index}`));
    await eventually(() => expect(watch.objects.size).toBe(0));
  });

  it.each([
    ['a line that is not JSON', '{"type":"ADD'],
    ['an event without an object', '{"type":"ADDED"}'],
    ['an object without a name', '{"type":"ADDED","object":{"metadata":{}}}'],
  ])('says so, lists again and goes on after %s', async (_name, line) => {
    await opened();
    server.sendLine(line);
    await eventually(() => expect(problems).toHaveLength(2));
    expect(problems[0]).toBeTruthy();
    expect(problems[1]).toBeUndefined();
    await eventually(() => expect(server.watches).toBe(1));
    server.put(path('a'), pod('a'));
    await eventually(() => expect(events).toContain('set ns/a Running'));
  });

  it('is not current while it is refused, and comes back when the right is granted', async () => {
    server.intercept = () => status(403, 'Forbidden', 'pods is forbidden');
    const watch = start();
    await eventually(() => expect(problems).toEqual([expect.stringContaining('pods is forbidden')]));
    expect(watch.isCurrent).toBe(false);
    server.intercept = () => undefined;
    await watch.synced;
    expect(watch.isCurrent).toBe(true);
    expect(problems.at(-1)).toBeUndefined();
  });

  it('survives a crash of the server and tells what was deleted meanwhile', async () => {
    server.put(path('a'), pod('a'));
    const watch = await opened();
    const { port } = server;
    await server.crash();
    await eventually(() => expect(watch.isCurrent).toBe(false));
    server.delete(path('a'));
    server.intercept = ({ query }) =>
      query.get('watch') === 'true' && events.length < 2 ? status(410, 'Expired') : undefined;
    await server.start(port);
    await eventually(() => expect(events).toEqual(['set ns/a Running', 'delete ns/a Running']));
  });

  it('takes a watch that stays silent past its time for dead', async () => {
    await opened();
    const before = server.seen.length;
    await eventually(() => expect(server.seen.length).toBeGreaterThan(before));
    expect(problems[0]).toContain('silent');
  });

  it('ends with its signal and tells nothing afterwards', async () => {
    const watch = await opened();
    stop.abort();
    await eventually(() => expect(server.watches).toBe(0));
    server.put(path('a'), pod('a'));
    expect(events).toEqual([]);
    await eventually(() => expect(watch.isCurrent).toBe(false));
  });

  it('uses one connection for many watches, and a second one only when the first is full', async () => {
    const client = server.client();
    const watches = Array.from({ length: 30 }, () =>
      client.watch({ ref: PODS, namespace: 'ns', project: () => 1, onChange: () => {}, signal: stop.signal }),
    );
    await Promise.all(watches.map(({ synced }) => synced));
    await eventually(() => expect(server.watches).toBe(30));
    expect(server.connections).toBe(1);
    for (let index = 0; index < 70; index += 1)
      client.watch({ ref: PODS, namespace: 'ns', project: () => 1, onChange: () => {}, signal: stop.signal });
    await eventually(() => expect(server.watches).toBe(100));
    expect(server.connections).toBe(2);
    await expect(client.version()).resolves.toBe('v1.36.3');
  });
});
