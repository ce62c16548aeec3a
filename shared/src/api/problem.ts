import * as Type from 'typebox';
import type { Static } from 'typebox';

/** Code → HTTP status of every error the hub answers with. The code is the last part of the problem's `type` URI. */
export const PROBLEMS = {
  'invalid-request': 400,
  'not-authenticated': 401,
  'clock-skew': 401,
  'token-used': 403,
  'token-expired': 403,
  'not-allowed': 403,
  'cluster-revoked': 403,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  'operation-in-progress': 409,
  'wrong-cluster': 409,
  'too-large': 413,
  'invalid-parameters': 422,
  'invalid-release': 422,
  'unknown-protocol': 426,
  'too-many-requests': 429,
  internal: 500,
  'database-unavailable': 503,
  'shutting-down': 503,
} as const;
export type ProblemCode = keyof typeof PROBLEMS;

export const PROBLEM_TYPE_PREFIX = 'https://steward.dev/problems/';

/** RFC 9457. `detail` says what happened and why, `action` what to do. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  action: Type.Optional(Type.String()),
  instance: Type.Optional(Type.String()),
  requestId: Type.Optional(Type.String()),
});
export type Problem = Static<typeof Problem>;

/** The code inside a problem's type; undefined when it is not one of ours. */
export function problemCodeOf(problem: Problem): ProblemCode | undefined {
  const code = problem.type.startsWith(PROBLEM_TYPE_PREFIX) ? problem.type.slice(PROBLEM_TYPE_PREFIX.length) : '';
  return code in PROBLEMS ? (code as ProblemCode) : undefined;
}
