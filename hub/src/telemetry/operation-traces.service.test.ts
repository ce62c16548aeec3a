import { compile, type OperationSpan, mapOf } from '@steward/shared';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { pino, type Logger } from 'pino';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { afterEach, describe, expect, it } from 'vitest';
import { agentSpans, type EndedOperation, type TracedAgent } from './operation-spans.ts';
import { OperationTraces } from './operation-traces.service.ts';
import { TraceExport } from './trace-export.ts';

const Attributes = Type.Array(Type.Object({ key: Type.String(), value: mapOf(Type.Unknown()) }));
const Received = Type.Object({
  resourceSpans: Type.Array(
    Type.Object({
      resource: Type.Object({ attributes: Attributes }),
      scopeSpans: Type.Array(
        Type.Object({
          spans: Type.Array(
            Type.Object({
              traceId: Type.String(),
              spanId: Type.String(),
              parentSpanId: Type.Optional(Type.String()),
              name: Type.String(),
              startTimeUnixNano: Type.String(),
              endTimeUnixNano: Type.String(),
              status: Type.Object({ code: Type.Integer(), message: Type.Optional(Type.String()) }),
              attributes: Attributes,
            }),
          ),
        }),
      ),
    }),
  ),
});
const decodeReceived = compile(Received);

function valuesOf(attributes: Static<typeof Attributes>): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A collector on loopback that keeps what it is sent; `silent` takes requests and never says a word. */
async function startCollector(answer: 200 | 400 | 'silent' = 200) {
  const paths: string[] = [];
  const received: Static<typeof Received>[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const decoded = decodeReceived(JSON.parse(Buffer.concat(chunks).toString()));
      if (!decoded.ok) throw new Error(decoded.error);
      paths.push(request.url ?? '');
      received.push(decoded.value);
      if (answer !== 'silent') response.writeHead(answer, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    paths,
    stop,
    spans: () =>
      received
        .flatMap(({ resourceSpans }) => resourceSpans)
        .flatMap(({ resource, scopeSpans }) =>
          scopeSpans.flatMap(({ spans }) =>
            spans.map((span) => ({
              ...span,
              attributes: valuesOf(span.attributes),
              resource: valuesOf(resource.attributes),
            })),
          ),
        ),
  };
}

async function collector(answer?: 400 | 'silent') {
  const started = await startCollector(answer);
  undo.push(started.stop);
  return started;
}

function logLines(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { log: pino({}, { write: (line: string) => void lines.push(line) }), lines };
}

async function tracesTo(otlpEndpoint: string | undefined, log: Logger = pino({ level: 'silent' })) {
  const traces = new OperationTraces(otlpEndpoint === undefined ? {} : { otlpEndpoint }, log);
  await traces.onApplicationBootstrap();
  undo.push(() => traces.onApplicationShutdown());
  return traces;
}

const operation: EndedOperation = {
  id: 'op-1',
  kind: 'upgrade',
  generation: 2,
  version: '1.1.0',
  installation: 'nats',
  cluster: 'factory',
  customer: 'globex',
  state: 'succeeded',
  message: 'runs',
  createdAt: new Date('2026-11-21T00:00:00.000Z'),
  finishedAt: new Date('2026-11-21T00:00:07.250Z'),
};
const agent: TracedAgent = {
  operationId: 'op-1',
  clusterId: 'c-1',
  cluster: 'factory',
  customer: 'globex',
  agentVersion: '0.1.0',
};
const startMs = Date.parse('2026-11-21T00:00:01Z');
const verify: OperationSpan = { name: 'verify', spanId: 'a'.repeat(16), startMs, endMs: startMs + 20.5 };
const render: OperationSpan = {
  name: 'render',
  spanId: 'b'.repeat(16),
  parentSpanId: verify.spanId,
  startMs,
  endMs: startMs + 10,
  error: 'helm: no such value',
};

describe('one trace per operation', () => {
  it('sends the root of the hub and the spans of the agent as one trace, each under its own name', async () => {
    const { endpoint, spans, paths } = await collector();
    const traces = await tracesTo(`${endpoint}/`);
    const trace = traces.begin();
    traces.addAgentSpans(trace, agent, [verify, render]);
    traces.end(trace, operation);
    await traces.onApplicationShutdown();

    expect(new Set(paths)).toEqual(new Set(['/v1/traces']));
    const byName = Object.fromEntries(spans().map((span) => [span.name, span]));
    expect(spans()).toHaveLength(3);
    expect(spans().every(({ traceId }) => traceId === trace.traceId)).toBe(true);
    expect(byName['operation upgrade']).toMatchObject({
      spanId: trace.spanId,
      startTimeUnixNano: `${operation.createdAt.getTime()}000000`,
      endTimeUnixNano: `${operation.finishedAt.getTime()}000000`,
      status: { code: 1 },
      attributes: { 'steward.operation.id': 'op-1', 'steward.operation.state': 'succeeded', 'steward.generation': 2 },
      resource: { 'service.name': 'steward-hub' },
    });
    expect(byName['operation upgrade']).not.toHaveProperty('parentSpanId');
    expect(byName['verify']).toMatchObject({
      spanId: verify.spanId,
      parentSpanId: trace.spanId,
      endTimeUnixNano: `${startMs + 20}500000`,
      status: { code: 0 },
      resource: { 'service.name': 'steward-agent', 'service.instance.id': 'c-1', 'k8s.cluster.name': 'factory' },
    });
    expect(byName['render']).toMatchObject({
      spanId: render.spanId,
      parentSpanId: verify.spanId,
      status: { code: 2, message: 'helm: no such value' },
    });
  });

  it("goes on with the caller's trace, and tells the agent its place in it", async () => {
    const { endpoint, spans } = await collector();
    const traces = await tracesTo(endpoint);
    const trace = traces.begin(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`);
    expect(trace).toMatchObject({ traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16) });
    expect(traces.traceparent(trace)).toBe(`00-${'1'.repeat(32)}-${trace.spanId}-01`);
    traces.end(trace, operation);
    await traces.onApplicationShutdown();
    expect(spans()).toMatchObject([{ traceId: '1'.repeat(32), parentSpanId: '2'.repeat(16) }]);
  });

  it.each(['', 'nonsense', `00-${'0'.repeat(32)}-${'2'.repeat(16)}-01`, `00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`])(
    'begins a trace of its own when the caller says "%s"',
    async (header) => {
      const trace = (await tracesTo(undefined)).begin(header);
      expect(trace.traceId).toMatch(/^(?!1{32}|0{32})[0-9a-f]{32}$/);
      expect(trace.parentSpanId).toBeUndefined();
    },
  );

  it.each([
    ['failed', 2],
    ['rolled-back', 2],
    ['expired', 2],
    ['denied', 0],
    ['cancelled', 0],
  ] as const)('ends the root of an operation that is %s with status %i', async (state, code) => {
    const { endpoint, spans } = await collector();
    const traces = await tracesTo(endpoint);
    traces.end(traces.begin(), { ...operation, state, reasonCode: 'frozen' });
    await traces.onApplicationShutdown();
    expect(spans()).toMatchObject([{ status: { code }, attributes: { 'steward.operation.reason': 'frozen' } }]);
  });

  it('leaves out spans of an agent that would spoil the batch or pose as the root', async () => {
    const { endpoint, spans } = await collector();
    const traces = await tracesTo(endpoint);
    const trace = traces.begin();
    traces.addAgentSpans(trace, agent, [
      { ...verify, startMs: 1e300, endMs: 1e300 },
      { ...verify, startMs: -1 },
      { ...verify, spanId: '0'.repeat(16) },
      { ...verify, spanId: trace.spanId },
      { ...verify, name: 'backwards', endMs: startMs - 5 },
    ]);
    await traces.onApplicationShutdown();
    const time = `${startMs}000000`;
    expect(spans()).toMatchObject([{ name: 'backwards', startTimeUnixNano: time, endTimeUnixNano: time }]);
  });

  it('tells the agent that nobody collects when there is no collector', async () => {
    const traces = await tracesTo(undefined);
    expect(traces.traceparent(traces.begin())).toMatch(/-00$/);
    traces.end(traces.begin(), operation);
  });
});

describe('a collector that does not collect', () => {
  const spans = agentSpans({ traceId: '1'.repeat(32), spanId: '2'.repeat(16) }, agent, [verify]);

  it('is logged at most once a minute, with how much was lost, while no more than so much waits', async () => {
    const { endpoint } = await collector('silent');
    const { log, lines } = logLines();
    let now = 0;
    const queue = new TraceExport({ endpoint, log, now: () => now });
    const add = (count: number) => queue.add(Array.from({ length: count }, () => spans).flat());
    add(2_048);
    expect(lines).toHaveLength(0);
    add(1_000);
    expect(lines).toHaveLength(1);
    now = 60_000;
    add(1);
    expect(lines).toHaveLength(2);
    expect(Number(/"lostSpans":(\d+)/.exec(lines[1] ?? '')?.[1])).toBeGreaterThan(500);
    await queue.stop();
  });

  it('is named in the log when it refuses', async () => {
    const { endpoint } = await collector(400);
    const { log, lines } = logLines();
    const queue = new TraceExport({ endpoint, log });
    queue.add([...spans, ...spans]);
    await queue.stop();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('OTEL_EXPORTER_OTLP_ENDPOINT');
    expect(lines[0]).toContain('"lostSpans":2');
  });

  it('never keeps the hub from stopping, also when it accepts and says nothing', async () => {
    const { endpoint } = await collector('silent');
    const traces = await tracesTo(endpoint);
    traces.end(traces.begin(), operation);
    const before = performance.now();
    await traces.onApplicationShutdown();
    expect(performance.now() - before).toBeLessThan(4_500);
  });
});
