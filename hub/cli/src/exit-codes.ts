import { problemCodeOf, type Problem, type ProblemCode } from '@steward/shared';

/** What the command ends with. Scripts rely on these: they never change their meaning. Documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** The thing asked for did not come out well: an operation failed or was rolled back, a chart has errors. */
  failed: 1,
  /** The command line, a file or a parameter is wrong; nothing was done. */
  usage: 2,
  notFound: 3,
  /** Not logged in, or the role does not allow it. */
  notAllowed: 4,
  /** The hub (or the cluster) does not answer, or its certificate is not trusted. */
  unreachable: 5,
  /** Somebody else was faster, or a name or version is taken. */
  conflict: 6,
  /** The time given with --timeout is over; what was started goes on. */
  timeout: 7,
  /** A fault in Steward itself, or the hub's. */
  internal: 70,
  /** Stopped by Ctrl-C; what was started goes on. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const BY_PROBLEM: Record<ProblemCode, ExitCode> = {
  'invalid-request': EXIT.usage,
  'not-authenticated': EXIT.notAllowed,
  'clock-skew': EXIT.notAllowed,
  'token-used': EXIT.notAllowed,
  'token-expired': EXIT.notAllowed,
  'not-allowed': EXIT.notAllowed,
  'cluster-revoked': EXIT.notAllowed,
  'not-found': EXIT.notFound,
  'already-exists': EXIT.conflict,
  conflict: EXIT.conflict,
  'operation-in-progress': EXIT.conflict,
  'wrong-cluster': EXIT.conflict,
  'too-large': EXIT.usage,
  'invalid-parameters': EXIT.usage,
  'invalid-release': EXIT.failed,
  'unknown-protocol': EXIT.internal,
  'too-many-requests': EXIT.unreachable,
  internal: EXIT.internal,
  'database-unavailable': EXIT.unreachable,
  'shutting-down': EXIT.unreachable,
};

/** By the problem's code; an unknown one by its HTTP status. */
export function exitCodeOf(problem: Problem): ExitCode {
  const code = problemCodeOf(problem);
  if (code) return BY_PROBLEM[code];
  if (problem.status === 401 || problem.status === 403) return EXIT.notAllowed;
  if (problem.status === 404) return EXIT.notFound;
  if (problem.status === 409) return EXIT.conflict;
  if (problem.status === 429 || problem.status === 503) return EXIT.unreachable;
  return problem.status < 500 ? EXIT.usage : EXIT.internal;
}
