import { problemOfLaterSetting, settingAt, type Release } from '@steward/shared';
import { done, failed, type Outcome } from '../outcome.ts';

type Settings = Readonly<Record<string, unknown>>;

/** What is kept of the parameters beside a set: what its knobs were at, and what is only set at installation. By path. */
export function settingsOf(release: Release, parameters: Settings): Record<string, unknown> {
  const paths = [...release.knobs.map(({ path }) => path), ...(release.onlyAtInstall ?? [])];
  const known = paths.map((path) => [path, settingAt(release, parameters, path)] as const);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined));
}

/** Whether a release with these parameters may follow a set that was installed with other ones. */
export function checkOnlyAtInstall(release: Release, parameters: Settings, before: Settings): Outcome<void> {
  const problem = problemOfLaterSetting(release, parameters, (path) => before[path]);
  return problem === undefined ? done(undefined) : failed('only-at-install', problem);
}
