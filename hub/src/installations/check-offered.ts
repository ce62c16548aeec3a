import { offeredBy, problemOfSize, type CreateOperation, type Release } from '@steward/shared';
import { ProblemError } from '../http/problem.ts';

/** What a remedy asks for, against what the release that runs offers; the agent holds it against the signed release again. @throws ProblemError `invalid-request` */
export function checkOffered(wanted: CreateOperation, release: Release, releaseName: string): void {
  const problem = problemOf(wanted, release, releaseName);
  if (problem === undefined) return;
  const action = `see what is offered: steward release show ${release.service} ${release.version}`;
  throw new ProblemError('invalid-request', problem, { action });
}

function problemOf(wanted: CreateOperation, release: Release, releaseName: string): string | undefined {
  if (wanted.kind !== 'resize') return undefined;
  const offered = offeredBy(release.remedies, releaseName);
  for (const [container, size] of Object.entries(wanted.resources)) {
    const problem = size ? problemOfSize(container, size, offered) : undefined;
    if (problem !== undefined) return problem;
  }
  return undefined;
}
