import {
  offeredBy,
  problemOfAutoscale,
  problemOfScale,
  problemOfSize,
  type CreateOperation,
  type Release,
} from '@steward/shared';
import { ProblemError } from '../http/problem.ts';

/** What a remedy asks for, against what the release that runs offers; the agent holds it against the signed release again. @throws ProblemError `invalid-request` */
export function checkOffered(wanted: CreateOperation, release: Release, releaseName: string): void {
  const problem = problemOf(wanted, release, releaseName);
  if (problem === undefined) return;
  const action = `see what is offered: steward release show ${release.service} ${release.version}`;
  throw new ProblemError('invalid-request', problem, { action });
}

function problemOf(wanted: CreateOperation, release: Release, releaseName: string): string | undefined {
  const offered = offeredBy(release, releaseName);
  if (wanted.kind === 'resize')
    return firstProblem(wanted.resources, (container, size) => problemOfSize(container, size, offered));
  if (wanted.kind === 'scale')
    return firstProblem(wanted.replicas, (workload, count) => problemOfScale(workload, count, offered));
  if (wanted.kind !== 'autoscale') return undefined;
  return firstProblem(wanted.autoscale, (workload, bounds) => problemOfAutoscale(workload, bounds, offered));
}

/** What is given back or switched off needs no offer. */
function firstProblem<T>(
  wanted: Record<string, T | null>,
  problem: (name: string, value: T) => string | undefined,
): string | undefined {
  for (const [name, value] of Object.entries(wanted)) {
    const found = value === null ? undefined : problem(name, value);
    if (found !== undefined) return found;
  }
  return undefined;
}
