import { ProblemError } from '../http/problem.ts';

/** @param forWhat goes on after "is too old" */
export function agentTooOld(cluster: string, forWhat: string): ProblemError {
  return new ProblemError('conflict', `the agent of "${cluster}" is too old${forWhat}`, {
    action: 'make a new install line (`steward cluster enrol`) and let the customer apply it, which upgrades the agent',
  });
}
