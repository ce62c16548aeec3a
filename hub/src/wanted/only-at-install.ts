import { problemOfLaterSetting, settingAt, type Release } from '@steward/shared';
import { ProblemError } from '../http/problem.ts';

interface Set {
  release: Release;
  parameters: Record<string, unknown>;
}

/** What is only set at installation stays as it runs; the agent holds it against what it has stored. @throws ProblemError `invalid-parameters` */
export function checkOnlyAtInstall({ release, parameters }: Set, running: Set): void {
  const problem = problemOfLaterSetting(release, parameters, (path) =>
    settingAt(running.release, running.parameters, path),
  );
  if (problem === undefined) return;
  throw new ProblemError('invalid-parameters', problem, {
    action:
      'leave it as it is here (set it to that, where the version has another default); for another value, install a second one beside it and move what it holds',
  });
}
