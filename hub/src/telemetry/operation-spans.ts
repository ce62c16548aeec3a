import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes,
  type HrTime,
  type SpanStatus,
} from '@opentelemetry/api';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { PRODUCT_VERSION, type OperationKind, type OperationSpan, type OperationState } from '@steward/shared';
import type { OperationTrace } from './trace-context.ts';

/** An operation that is over, as its root span tells it. No names of people: traces go to whoever runs the collector. */
export interface EndedOperation {
  id: string;
  kind: OperationKind;
  generation: number;
  version: string;
  installation: string;
  cluster: string;
  customer: string;
  state: OperationState;
  reasonCode?: string | undefined;
  message: string;
  createdAt: Date;
  finishedAt: Date;
}

/** Whose spans they are. */
export interface TracedAgent {
  operationId: string;
  clusterId: string;
  cluster: string;
  customer: string;
  agentVersion?: string | undefined;
}

const MAX_STATUS_CHARACTERS = 500;
/** What an agent claims is a stranger's word; a time outside of these would make a collector refuse the whole batch. */
const EARLIEST_MS = Date.UTC(2020);
const LATEST_MS = Date.UTC(2200);
const NO_SPAN = '0'.repeat(16);

const FAILED_STATES: ReadonlySet<OperationState> = new Set(['failed', 'rolled-back', 'expired', 'unknown']);

/** The one span of the hub: from the request's acceptance to the final state. That a person denied or cancelled is no error. */
export function rootSpan(trace: OperationTrace, operation: EndedOperation): ReadableSpan {
  const { state } = operation;
  return span({
    resource: resourceFromAttributes({ 'service.name': 'steward-hub', 'service.version': PRODUCT_VERSION }),
    trace,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    name: `operation ${operation.kind}`,
    startMs: operation.createdAt.getTime(),
    endMs: operation.finishedAt.getTime(),
    status: statusOf(state, operation.message),
    attributes: {
      'steward.operation.id': operation.id,
      'steward.operation.kind': operation.kind,
      'steward.operation.state': state,
      ...(operation.reasonCode !== undefined && { 'steward.operation.reason': operation.reasonCode }),
      'steward.installation': operation.installation,
      'steward.generation': operation.generation,
      'steward.version': operation.version,
      'steward.cluster': operation.cluster,
      'steward.customer': operation.customer,
    },
  });
}

/**
 * The agent's spans under their own ids; those without a parent hang on the operation's root. Left out are spans that no
 * collector would take (impossible times, an empty id) and any that pose as the root.
 */
export function agentSpans(trace: OperationTrace, agent: TracedAgent, spans: readonly OperationSpan[]): ReadableSpan[] {
  const resource = resourceFromAttributes({
    'service.name': 'steward-agent',
    'service.instance.id': agent.clusterId,
    ...(agent.agentVersion !== undefined && { 'service.version': agent.agentVersion }),
    'k8s.cluster.name': agent.cluster,
    'steward.customer': agent.customer,
  });
  return spans
    .filter(({ spanId, startMs, endMs }) => isCollectable(startMs, endMs) && ![NO_SPAN, trace.spanId].includes(spanId))
    .map(({ name, spanId, parentSpanId = trace.spanId, startMs, endMs, error }) =>
      span({
        resource,
        trace,
        spanId,
        parentSpanId,
        name,
        startMs,
        endMs,
        status: error === undefined ? { code: SpanStatusCode.UNSET } : failure(error),
        attributes: { 'steward.operation.id': agent.operationId },
      }),
    );
}

interface SpanParts {
  resource: Resource;
  trace: OperationTrace;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  startMs: number;
  endMs: number;
  status: SpanStatus;
  attributes: Attributes;
}

/** By hand, for the SDK's tracer chooses ids itself and knows one resource only. */
function span({ resource, trace, spanId, parentSpanId, ...parts }: SpanParts): ReadableSpan {
  const context = { traceId: trace.traceId, traceFlags: TraceFlags.SAMPLED };
  return {
    name: parts.name,
    kind: SpanKind.INTERNAL,
    spanContext: () => ({ ...context, spanId }),
    ...(parentSpanId !== undefined && { parentSpanContext: { ...context, spanId: parentSpanId } }),
    startTime: hrTime(parts.startMs),
    endTime: hrTime(Math.max(parts.startMs, parts.endMs)),
    duration: hrTime(Math.max(0, parts.endMs - parts.startMs)),
    status: parts.status,
    attributes: parts.attributes,
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'steward', version: PRODUCT_VERSION },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function statusOf(state: OperationState, message: string): SpanStatus {
  if (state === 'succeeded') return { code: SpanStatusCode.OK };
  return FAILED_STATES.has(state) ? failure(message) : { code: SpanStatusCode.UNSET };
}

function failure(message: string): SpanStatus {
  return { code: SpanStatusCode.ERROR, message: message.slice(0, MAX_STATUS_CHARACTERS) };
}

function isCollectable(startMs: number, endMs: number): boolean {
  return [startMs, endMs].every((ms) => ms >= EARLIEST_MS && ms <= LATEST_MS);
}

/** [seconds, nanoseconds], both whole. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.floor((ms - seconds * 1_000) * 1_000_000)];
}
