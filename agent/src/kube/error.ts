import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile } from '@steward/shared';

const Status = Type.Object({
  kind: Type.Literal('Status'),
  message: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  code: Type.Optional(Type.Integer()),
  details: Type.Optional(
    Type.Object({
      name: Type.Optional(Type.String()),
      retryAfterSeconds: Type.Optional(Type.Number()),
      causes: Type.Optional(
        Type.Array(
          Type.Object({
            field: Type.Optional(Type.String()),
            reason: Type.Optional(Type.String()),
            message: Type.Optional(Type.String()),
          }),
        ),
      ),
    }),
  ),
});
type Status = Static<typeof Status>;
const decodeStatus = compile(Status);

export interface KubeCause {
  field?: string;
  reason?: string;
  message?: string;
}

/** Reasons of our own, for requests that got no usable answer; all with status 0. */
export type LocalReason = 'Unreachable' | 'RefusedUnread' | 'Timeout' | 'TooLarge' | 'Malformed' | 'NotHolder';

/**
 * A request to the API server that did not succeed. `status` is the HTTP status, or 0 when there was no usable answer;
 * `reason` is the server's (`NotFound`, `Conflict`, `Forbidden`, `Invalid`, `Expired`, …) or a {@link LocalReason}.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly KubeCause[];
  readonly retryAfterMs: number | undefined;
  /** It is about one object of a kind that is served; a path that is not there is of none. */
  readonly namesObject: boolean;

  constructor(
    message: string,
    detail: {
      status: number;
      reason: string;
      causes?: KubeCause[];
      retryAfterMs?: number | undefined;
      namesObject?: boolean;
    },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = detail.status;
    this.reason = detail.reason;
    this.causes = detail.causes ?? [];
    this.retryAfterMs = detail.retryAfterMs;
    this.namesObject = detail.namesObject ?? false;
  }

  /** Whether the same request may succeed later without anybody changing anything. */
  get isTransient(): boolean {
    if (this.status === 0) return this.reason !== 'TooLarge';
    if (this.isByBudget) return false;
    return this.status === 429 || (this.status >= 500 && !this.isMisshapen && !this.isTooLarge);
  }

  /** An eviction that a disruption budget does not allow now; by its status it would be an overload. */
  get isByBudget(): boolean {
    return this.status === 429 && this.causes.some(({ reason }) => reason === 'DisruptionBudget');
  }

  /** The webhook that the API server asked and got no answer from, in words. It may be back any moment, or never. */
  get silentWebhook(): string | undefined {
    const admission = /failed calling webhook "([^"]{1,200})"/.exec(this.message)?.[1];
    if (admission !== undefined) return `admission webhook ${admission}`;
    const converted = /conversion webhook for (\S{1,300}, Kind=\w{1,64}) failed/.exec(this.message)?.[1];
    return converted && `webhook that converts ${converted}`;
  }

  /**
   * An apply of what the kind does not take (two entries of one name, a number for a text): an answer, though the API server
   * calls it its own fault (https://github.com/kubernetes/kubernetes/issues/122480).
   */
  get isMisshapen(): boolean {
    return this.isUndeclared || /failed to create typed (patch|live) object/.test(this.message);
  }

  /** The same of a field that the kind's definition does not have, or does not have yet. */
  get isUndeclared(): boolean {
    return this.message.includes('field not declared in schema');
  }

  /** More than its database takes; it finds out only when it writes (https://github.com/kubernetes/kubernetes/issues/112152). */
  get isTooLarge(): boolean {
    return this.status === 413 || /request is too large|message larger than max/.test(this.message);
  }
}

export function isKubeError(error: unknown, reason?: string): error is KubeError {
  return error instanceof KubeError && (reason === undefined || error.reason === reason);
}

/** From the body of an answer that is not 2xx, which is a `Status` object unless a proxy stands between. */
export function kubeErrorOf(status: number, body: unknown, what: string): KubeError {
  const decoded = decodeStatus(body);
  const value: Status = decoded.ok ? decoded.value : { kind: 'Status' };
  const causes = (value.details?.causes ?? []).slice(0, 20);
  const seconds = value.details?.retryAfterSeconds;
  return new KubeError(`${what}: ${value.message ?? `the API server answered ${status}`}`, {
    status,
    reason: value.reason ?? `Status${status}`,
    causes,
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
    namesObject: value.details?.name !== undefined,
  });
}
