import semver from 'semver';
import { ProblemError } from '../http/problem.ts';
import type { ChosenRelease } from './wanted-release.service.ts';

/** What an installation has had of a release, before it is asked for again. */
export interface Experience {
  runningVersion: string | undefined;
  /** Whether one of its generations ended well with this very release. */
  hasRunWell: boolean;
}

/**
 * Whether a release may be started now, and from what runs, as the agent judges it: one that runs, or has run well here, does not expire
 * here, and one that runs replaces nothing. @throws ProblemError `invalid-release`
 */
export function checkMayStart(
  { row, release }: Pick<ChosenRelease, 'release'> & { row: Pick<ChosenRelease['row'], 'service' | 'version'> },
  { runningVersion, hasRunWell }: Experience = { runningVersion: undefined, hasRunWell: false },
): void {
  const { expiresAt } = release;
  if (runningVersion === row.version) return;
  if (!hasRunWell && expiresAt !== undefined && Date.parse(expiresAt) < Date.now())
    throw new ProblemError('invalid-release', `${row.service} ${row.version} expired on ${expiresAt}`, {
      action: 'publish a new release',
    });
  const { from } = release.upgrade;
  if (from === undefined || runningVersion === undefined) return;
  if (!semver.satisfies(runningVersion, from, { includePrerelease: true }))
    throw new ProblemError(
      'invalid-release',
      `${row.service} ${row.version} upgrades only from ${from}; ${runningVersion} runs`,
      {
        action: 'upgrade to a version in between first',
      },
    );
}
