import { fieldAt } from '../chart/field-path.ts';
import { canonicalJson } from '../json.ts';
import type { Release } from './release.ts';

type Settable = Pick<Release, 'parameters'>;
type Parameters = Readonly<Record<string, unknown>>;

const MAX_SHOWN = 100;

/** What a value of the chart is: as it is set, else as the chart has it, which is signed as its default. Undefined: not known. */
export function settingAt({ parameters: schema }: Settable, parameters: Parameters, path: string): unknown {
  const keys = path.split('.');
  const inSchema = keys.flatMap((key) => ['properties', key]);
  return fieldAt(parameters, keys) ?? fieldAt(schema, [...inSchema, 'default']);
}

/**
 * Why parameters cannot follow what runs, in words: a value that is only set at installation would be another one.
 * @param before what it is there; undefined where that is not known, and then it is for Kubernetes to say
 */
export function problemOfLaterSetting(
  release: Settable & Pick<Release, 'onlyAtInstall'>,
  parameters: Parameters,
  before: (path: string) => unknown,
): string | undefined {
  for (const path of release.onlyAtInstall ?? []) {
    const [was, is] = [before(path), settingAt(release, parameters, path)];
    if (was === undefined || is === undefined || canonicalJson(was) === canonicalJson(is)) continue;
    return `${path} is only set at installation: it is ${shown(was)} here, and this would make it ${shown(is)}`;
  }
  return undefined;
}

function shown(value: unknown): string {
  return JSON.stringify(value).slice(0, MAX_SHOWN);
}
