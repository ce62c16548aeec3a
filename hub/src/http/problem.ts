import { PROBLEM_TYPE_PREFIX, PROBLEMS, type Problem, type ProblemCode } from '@steward/shared';
import { HttpException } from '@nestjs/common';
import { isUnstorable } from '../db/storable.ts';
import { DatabaseUnavailable } from '../db/unavailable.ts';

export interface ProblemOptions {
  /** What the reader can do about it. */
  action?: string;
  retryAfterSeconds?: number;
  /** More response headers. */
  headers?: Record<string, string>;
  cause?: unknown;
}

/** An expected refusal. The detail says what happened and why, the action what to do; both are shown to the caller. */
export class ProblemError extends Error {
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly options: ProblemOptions = {},
  ) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
  }
}

/** What is told to whoever comes while the hub stops. */
export function shuttingDown(): ProblemError {
  return new ProblemError('shutting-down', 'this hub is shutting down', {
    action: 'try again: another one, or this one started anew, will answer',
    retryAfterSeconds: 2,
  });
}

/** An answer that tells a problem: status, headers, RFC 9457 body. `isBug` asks for the error to be logged in full. */
export interface ProblemAnswer {
  status: number;
  headers: Record<string, string>;
  body: Problem;
  code: ProblemCode;
  isBug: boolean;
}

function titleOf(code: ProblemCode): string {
  const text = code.replaceAll('-', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Of what was sent no more is said again. */
const MAX_REPEATED = 300;

/** Nest's and Fastify's own refusals (unknown route, body too large, malformed JSON) in our words. */
function fromFramework(error: unknown): ProblemError | undefined {
  const status =
    error instanceof HttpException
      ? error.getStatus()
      : error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
        ? error.statusCode
        : 500;
  const detail = shortened(error instanceof Error ? error.message : String(error));
  if (status === 404 || status === 405)
    return new ProblemError('not-found', detail, { action: 'see /api/v1/openapi.json for what there is' });
  if (status === 415)
    return new ProblemError('invalid-request', 'the content type of the request is not taken here', {
      action: 'send application/json',
    });
  if (status === 413) return new ProblemError('too-large', detail);
  if (status === 503) return shuttingDown();
  return status >= 400 && status < 500 ? new ProblemError('invalid-request', detail) : undefined;
}

function shortened(text: string): string {
  return text.length > MAX_REPEATED ? `${text.slice(0, MAX_REPEATED).toWellFormed()}…` : text;
}

function toProblemError(error: unknown): { problem: ProblemError; isBug: boolean } {
  if (error instanceof ProblemError) return { problem: error, isBug: false };
  if (error instanceof DatabaseUnavailable)
    return {
      problem: new ProblemError('database-unavailable', 'the hub cannot reach its database at the moment', {
        action: 'try again in a few seconds; nothing has to be repaired',
        retryAfterSeconds: 2,
      }),
      isBug: false,
    };
  // What came in past a schema, as inside a signed manifest.
  if (isUnstorable(error))
    return {
      problem: new ProblemError('invalid-request', 'a text in the request has a NUL or half a character in it', {
        action: 'send it without',
      }),
      isBug: false,
    };
  const known = fromFramework(error);
  if (known) return { problem: known, isBug: false };
  return {
    problem: new ProblemError('internal', "an error inside the hub; the hub's log has it under the request id", {
      action: 'try again; report it with the request id if it stays',
    }),
    isBug: true,
  };
}

/** Turns anything thrown while answering a request into the answer. Nothing of an unexpected error reaches the caller. */
export function problemAnswer(error: unknown, request: { id: string; path: string }): ProblemAnswer {
  const { problem, isBug } = toProblemError(error);
  const { code, detail, options } = problem;
  return {
    status: PROBLEMS[code],
    code,
    isBug,
    headers: {
      'content-type': 'application/problem+json',
      ...(options.retryAfterSeconds === undefined ? {} : { 'retry-after': String(options.retryAfterSeconds) }),
      ...(code === 'not-authenticated' ? { 'www-authenticate': 'Bearer' } : {}),
      ...options.headers,
    },
    body: {
      type: `${PROBLEM_TYPE_PREFIX}${code}`,
      title: titleOf(code),
      status: PROBLEMS[code],
      detail,
      ...(options.action === undefined ? {} : { action: options.action }),
      instance: shortened(request.path),
      requestId: request.id,
    },
  };
}
