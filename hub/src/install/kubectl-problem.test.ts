import { expect, it } from 'vitest';
import { kubectlProblem } from './kubectl-problem.ts';

it('says its reason as the kind that kubectl repeats, in one line', () => {
  const problem = { type: 't', title: 'Token expired', status: 403, detail: 'the "token"\nexpired', action: 'ask' };
  expect(kubectlProblem({ ...problem, instance: '/', requestId: 'r' })).toEqual({
    ...problem,
    instance: '/',
    requestId: 'r',
    apiVersion: 'steward.dev/refused',
    kind: 'The token expired: ask',
    metadata: { name: 'refused' },
  });
});
