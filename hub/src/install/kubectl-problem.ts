import type { Problem } from '@steward/shared';

const MAX_KIND_CHARACTERS = 500;

/**
 * A problem that says its reason when it is piped into `kubectl apply`: `no matches for kind "The enrolment token has
 * expired …"` is the only place of what it reads that kubectl repeats.
 */
export function kubectlProblem(problem: Problem): Problem & Record<string, unknown> {
  const { detail, action } = problem;
  const sentence = `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${action === undefined ? '' : `: ${action}`}`;
  return {
    ...problem,
    apiVersion: 'steward.dev/refused',
    kind: sentence.replaceAll(/["\s]+/g, ' ').slice(0, MAX_KIND_CHARACTERS),
    metadata: { name: 'refused' },
  };
}
