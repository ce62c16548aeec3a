import { randomBytes } from 'node:crypto';
import * as Type from 'typebox';

/** The place of an operation's root span in its trace, as it is stored with the operation (`trace_id`, `span_id`, `parent_span_id`). */
export interface OperationTrace {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits: the root span, parent of what the agent does. */
  spanId: string;
  /** The caller's span, when the request brought one. */
  parentSpanId?: string | undefined;
}

const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The caller's `traceparent` header, for the OpenAPI document. One that cannot be read is as none. */
export const TraceParent = Type.String({
  description: "the caller's span (W3C Trace Context), under which the operation is traced",
});

/** A new root span: in the caller's trace when its `traceparent` can be read, else in a trace of its own. */
export function newTrace(callerTraceparent?: string): OperationTrace {
  const spanId = randomBytes(8).toString('hex');
  const [, traceId, parentSpanId] = TRACEPARENT.exec(callerTraceparent ?? '') ?? [];
  if (traceId === undefined || parentSpanId === undefined) return { traceId: randomBytes(16).toString('hex'), spanId };
  return { traceId, spanId, parentSpanId };
}

/** W3C `traceparent` of the root span; `isSampled` says that somebody collects. */
export function formatTraceparent({ traceId, spanId }: OperationTrace, isSampled: boolean): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}
